package hadoop

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// setUp makes the directories of HDFS that Hadoop and its users expect. It does
// no harm when done again.
func (c *Cluster) setUp(ctx context.Context) error {
	for _, dir := range []struct{ path, permission, owner string }{
		{"/tmp", "1777", ""},
		{"/tmp/logs", "1777", ""},
		{"/user", "755", ""},
		{"/user/" + c.User, "755", c.User},
		{archiveDir, "755", c.User},
	} {
		if err := c.webHDFS(ctx, dir.path, url.Values{"op": {"MKDIRS"}}); err != nil {
			return err
		}
		// MKDIRS has a permission too, but takes the umask off it.
		if err := c.webHDFS(ctx, dir.path, url.Values{"op": {"SETPERMISSION"}, "permission": {dir.permission}}); err != nil {
			return err
		}
		if dir.owner == "" {
			continue
		}
		if err := c.webHDFS(ctx, dir.path, url.Values{"op": {"SETOWNER"}, "owner": {dir.owner}}); err != nil {
			return err
		}
	}
	return nil
}

// webHDFS changes something, as HDFS's superuser.
func (c *Cluster) webHDFS(ctx context.Context, path string, query url.Values) error {
	query.Set("user.name", c.User)
	target := c.Addresses.NameNodeWeb + "/webhdfs/v1" + path + "?" + query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, target, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // only read from
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // what there is of it
		return fmt.Errorf("%s of %s on HDFS: %s: %s", query.Get("op"), path, response.Status, body)
	}
	return nil
}
