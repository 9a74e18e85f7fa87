package hdfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/stoker-spark/stoker/hadoop"
)

// javaError is an exception that the fake answers with.
type javaError struct{ class, message string }

func (e javaError) Error() string { return e.class + ": " + e.message }

// errHangUp makes the fake close the connection instead of answering.
var errHangUp = errors.New("hang up")

// request is a call as the fake got it.
type request struct{ protoreflect.Message }

func (r request) text(field string) string {
	return r.Get(r.Descriptor().Fields().ByName(protoreflect.Name(field))).String()
}

func (r request) is(field string) bool {
	return r.Get(r.Descriptor().Fields().ByName(protoreflect.Name(field))).Bool()
}

func (r request) perm(field string) uint64 {
	mode := r.Get(r.Descriptor().Fields().ByName(protoreflect.Name(field))).Message()
	return mode.Get(mode.Descriptor().Fields().ByName("perm")).Uint()
}

// fakeNameNode speaks Hadoop's RPC and keeps a tree of empty files.
type fakeNameNode struct {
	address string
	// on answers a method before the tree does: with the response in protobuf's
	// text form, or an error. It must not be changed after the first call.
	on map[string]func(r request) (string, error)

	mu     sync.Mutex
	tree   map[string]string // path → HdfsFileStatusProto as text, without path
	nextID int
	calls  map[string]int
	open   int // connections
	most   int // connections at a time
}

func newFake(t *testing.T) *fakeNameNode {
	t.Helper()
	f := &fakeNameNode{
		on: map[string]func(request) (string, error){}, tree: map[string]string{"/": directory},
		nextID: 100, calls: map[string]int{},
	}
	f.address = listen(t, f.serve)
	return f
}

const (
	common    = `permission{perm:%d} owner:"o" group:"g" modification_time:1000 access_time:0 fileId:%d`
	directory = `fileType:IS_DIR length:0 permission{perm:493} owner:"o" group:"g" modification_time:1000 access_time:0`
)

// storeOn makes a store on fakes.
func storeOn(t *testing.T, change func(o *Options), names ...string) *Store {
	t.Helper()
	o := Options{
		Authority: "fake:8020", NameNodes: names, User: "tester",
		Timeout: 20 * time.Second, Dialer: hadoop.Dialer{Stall: 20 * time.Second},
	}
	if change != nil {
		change(&o)
	}
	st, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	return st
}

func (f *fakeNameNode) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[method]
}

func (f *fakeNameNode) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.tree))
}

func (f *fakeNameNode) put(path, status string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tree[path] = status
}

func (f *fakeNameNode) serve(c net.Conn) {
	f.mu.Lock()
	f.open++
	f.most = max(f.most, f.open)
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.open--; f.mu.Unlock() }()
	hello := make([]byte, 7)
	if _, err := io.ReadFull(c, hello); err != nil || string(hello[:4]) != "hrpc" {
		return
	}
	for {
		var length uint32
		if binary.Read(c, binary.BigEndian, &length) != nil {
			return
		}
		packet := make([]byte, length)
		if _, err := io.ReadFull(c, packet); err != nil {
			return
		}
		answer, err := f.answer(strings.NewReader(string(packet)))
		if err != nil {
			return
		}
		if answer != nil {
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
}

func (f *fakeNameNode) answer(packet *strings.Reader) ([]byte, error) {
	header, method := newMessage("hadoop.common.RpcRequestHeaderProto"), newMessage("hadoop.common.RequestHeaderProto")
	if err := protodelim.UnmarshalFrom(packet, header.Interface()); err != nil {
		return nil, err
	}
	callID := request{header}.Get(header.Descriptor().Fields().ByName("callId")).Int()
	if callID < 0 { // the connection's context
		return nil, nil
	}
	if err := protodelim.UnmarshalFrom(packet, method.Interface()); err != nil {
		return nil, err
	}
	name := request{method}.text("methodName")
	upper := strings.ToUpper(name[:1]) + name[1:]
	call := request{newMessage("hadoop.hdfs." + upper + "RequestProto")}
	if err := protodelim.UnmarshalFrom(packet, call.Interface()); err != nil {
		return nil, err
	}
	text, err := f.do(name, call)
	if errors.Is(err, errHangUp) {
		return nil, err
	}
	status := fmt.Sprintf("callId:%d status:SUCCESS", callID)
	var java javaError
	if errors.As(err, &java) {
		status = fmt.Sprintf("callId:%d status:ERROR exceptionClassName:%q errorMsg:%q errorDetail:ERROR_APPLICATION", callID, java.class, java.message)
	}
	var b strings.Builder
	if _, err := protodelim.MarshalTo(&b, fromText("hadoop.common.RpcResponseHeaderProto", status)); err != nil {
		return nil, err
	}
	if err == nil {
		if _, err := protodelim.MarshalTo(&b, fromText("hadoop.hdfs."+upper+"ResponseProto", text)); err != nil {
			return nil, err
		}
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(b.Len())), b.String()...), nil
}

func newMessage(name string) protoreflect.Message {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		panic(err)
	}
	return kind.New()
}

func marshalTo(w io.Writer, m proto.Message) {
	if _, err := protodelim.MarshalTo(w, m); err != nil {
		panic(err)
	}
}

func fromText(name, text string) proto.Message {
	m := newMessage(name).Interface()
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		panic(fmt.Sprintf("%s: %v in %s", name, err, text))
	}
	return m
}

func (f *fakeNameNode) do(method string, r request) (string, error) {
	f.mu.Lock()
	f.calls[method]++
	on := f.on[method]
	f.mu.Unlock()
	if on != nil {
		text, err := on(r)
		if text != goOn || err != nil {
			return text, err
		}
	}
	return f.byTree(method, r)
}

// goOn has the tree answer after all.
const goOn = "go on"

func (f *fakeNameNode) byTree(method string, r request) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch method {
	case "getServerDefaults":
		return `serverDefaults{blockSize:1048576 bytesPerChecksum:512 writePacketSize:65536 replication:1 fileBufferSize:4096}`, nil
	case "getFileInfo":
		if status, ok := f.tree[r.text("src")]; ok {
			return fmt.Sprintf(`fs{path:"" %s}`, status), nil
		}
		return "", nil
	case "create":
		if _, ok := f.tree[path.Dir(r.text("src"))]; !ok {
			return "", javaError{"java.io.FileNotFoundException", "Parent directory doesn't exist"}
		}
		f.nextID++
		f.tree[r.text("src")] = "fileType:IS_FILE length:0 " + fmt.Sprintf(common, r.perm("masked"), f.nextID)
		return fmt.Sprintf(`fs{path:"" %s}`, f.tree[r.text("src")]), nil
	case "mkdirs":
		for p := r.text("src"); p != "/"; p = path.Dir(p) {
			f.tree[p] = directory
		}
		return "result:true", nil
	case "delete":
		for p := range f.tree {
			if p == r.text("src") || strings.HasPrefix(p, r.text("src")+"/") {
				delete(f.tree, p)
			}
		}
		return "result:true", nil
	case "complete":
		return "result:true", nil
	case "rename2":
		if _, ok := f.tree[r.text("dst")]; ok && !r.is("overwriteDest") {
			return "", javaError{"org.apache.hadoop.fs.FileAlreadyExistsException", "rename destination " + r.text("dst") + " already exists"}
		}
		f.tree[r.text("dst")] = f.tree[r.text("src")]
		delete(f.tree, r.text("src"))
		return "", nil
	case "getBlockLocations":
		return `locations{fileLength:0 underConstruction:false isLastBlockComplete:true}`, nil
	case "renewLease", "setPermission":
		return "", nil
	default:
		return "", javaError{"org.apache.hadoop.ipc.RpcNoSuchMethodException", "Unknown method " + method}
	}
}

// silent accepts connections and never says anything.
func silent(t *testing.T) string {
	t.Helper()
	return listen(t, untilClosed)
}

func untilClosed(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// listen serves each connection with a function, and closes it when that returns
// or the test ends.
func listen(t *testing.T, serve func(c net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			serving.Go(func() {
				serve(c)
				_ = c.Close()
				mu.Lock()
				delete(conns, c)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		mu.Lock()
		for c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return listener.Addr().String()
}

// block is a LocatedBlockProto of a size in bytes on a DataNode, as text.
func block(dataNode string, size int) string {
	host, port, _ := net.SplitHostPort(dataNode)
	return fmt.Sprintf(`b{poolId:"p" blockId:1 generationStamp:1 numBytes:%d} offset:0 corrupt:false
		blockToken{identifier:"" password:"" kind:"" service:""}
		locs{id{ipAddr:%q hostName:"h" datanodeUuid:"u" xferPort:%s infoPort:0 ipcPort:0}}`, size, host, port)
}
