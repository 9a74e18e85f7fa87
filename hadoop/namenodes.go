package hadoop

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
)

// Hadoop's default ports of a NameNode.
const (
	namenodePort      = "8020"
	namenodeHTTPPort  = "9870"
	namenodeHTTPSPort = "9871"
)

// anyHost is how a server says that it listens on all its addresses: no address
// to connect to.
const anyHost = "0.0.0.0"

// DefaultFS is fs.defaultFS, the URI of the default file system without a slash
// at the end, such as "hdfs://nameservice1" or "hdfs://nn:8020"; "file://" if the
// configuration names none.
func (c *Configuration) DefaultFS() string {
	uri := c.or("fs.defaultFS", "file://")
	for strings.HasSuffix(uri, "/") && !strings.HasSuffix(uri, "//") {
		uri = strings.TrimSuffix(uri, "/")
	}
	if strings.Trim(uri, "/") == "file:" {
		return "file://"
	}
	return uri
}

// Authority is the host, host:port or name service of the default file system. It
// is an error of code invalid if that is not HDFS.
func (c *Configuration) Authority() (string, error) {
	u, err := url.Parse(c.DefaultFS())
	if err != nil || u.Scheme != "hdfs" || u.Host == "" {
		return "", job.Errorf(job.CodeInvalid, "Hadoop configuration: %s is %q, not hdfs://<name service or host>; set it, or name the authority",
			c.at("fs.defaultFS"), c.DefaultFS())
	}
	return u.Host, nil
}

// NameNodes returns the RPC addresses, host:port, of the NameNodes behind an
// authority: those of a name service in the order of dfs.ha.namenodes.<it>, or
// the one host itself, on port 8020 if it has none. The authority "" is the
// default file system's.
//
// An authority that needs configuration which isn't there is an error of code
// invalid.
func (c *Configuration) NameNodes(authority string) ([]string, error) {
	var err error
	if authority == "" {
		if authority, err = c.Authority(); err != nil {
			return nil, err
		}
	}
	if !c.isNameService(authority) {
		return []string{withPort(authority, namenodePort)}, nil
	}
	var addresses []string
	for _, suffix := range c.namenodesOf(authority) {
		key := "dfs.namenode.rpc-address" + suffix
		address := c.Get(key)
		if address == "" {
			return nil, job.Errorf(job.CodeInvalid, "Hadoop configuration: %s is not set, so a NameNode of the name service %q can't be found", key, authority)
		}
		addresses = append(addresses, withPort(address, namenodePort))
	}
	return addresses, nil
}

// NameNodeWeb returns the URLs, http://host:port, of the web servers of the
// NameNodes behind an authority, in the order of NameNodes: what WebHDFS is
// reached by. Under dfs.http.policy HTTPS_ONLY they are https URLs.
func (c *Configuration) NameNodeWeb(authority string) ([]string, error) {
	isDefault := authority == ""
	rpc, err := c.NameNodes(authority)
	if err != nil {
		return nil, err
	}
	if own, err := c.Authority(); err == nil {
		isDefault = isDefault || strings.EqualFold(authority, own)
		if authority == "" {
			authority = own
		}
	}
	scheme, key, port := "http", "dfs.namenode.http-address", namenodeHTTPPort
	if strings.EqualFold(c.Get("dfs.http.policy"), "HTTPS_ONLY") {
		scheme, key, port = "https", "dfs.namenode.https-address", namenodeHTTPSPort
	}
	suffixes := []string{""}
	if c.isNameService(authority) {
		suffixes = c.namenodesOf(authority)
	}
	urls := make([]string, 0, len(rpc))
	for i, suffix := range suffixes {
		var address string
		// Without a name service the one address is that of the default file
		// system's NameNode: it says nothing about another host.
		if suffix != "" || isDefault || strings.EqualFold(c.Get("dfs.namenode.rpc-address"), rpc[i]) {
			address = c.Get(key + suffix)
		}
		urls = append(urls, webURL(scheme, address, hostOf(rpc[i]), port))
	}
	return urls, nil
}

// NameServices returns the name services that the configuration knows the NameNodes
// of, in the order of dfs.nameservices.
func (c *Configuration) NameServices() []string {
	var services []string
	for _, name := range c.Strings("dfs.nameservices") {
		if c.isNameService(name) {
			services = append(services, name)
		}
	}
	return services
}

// isNameService reports whether an authority is a logical name.
func (c *Configuration) isNameService(authority string) bool {
	if strings.Contains(authority, ":") {
		return false
	}
	if c.Get("dfs.ha.namenodes."+authority) != "" {
		return true
	}
	return slices.Contains(c.Strings("dfs.nameservices"), authority) && c.Get("dfs.namenode.rpc-address."+authority) != ""
}

// namenodesOf returns what is put behind the keys of a name service, once for
// each of its NameNodes.
func (c *Configuration) namenodesOf(service string) []string {
	ids := c.Strings("dfs.ha.namenodes." + service)
	if len(ids) == 0 {
		return []string{"." + service}
	}
	suffixes := make([]string, 0, len(ids))
	for _, id := range ids {
		suffixes = append(suffixes, "."+service+"."+id)
	}
	return suffixes
}

// withPort gives a host its default port.
func withPort(address, port string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	return net.JoinHostPort(strings.Trim(address, "[]"), port)
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// webURL is the URL of a web server whose address may be empty, a host, a
// host:port, or one that says no more than the port.
func webURL(scheme, address, host, port string) string {
	if address != "" {
		h, p, err := net.SplitHostPort(withPort(address, port))
		if err == nil {
			port = p
			if h != anyHost && h != "" {
				host = h
			}
		}
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
