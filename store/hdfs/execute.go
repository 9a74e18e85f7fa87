package hdfs

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	client "github.com/colinmarc/hdfs/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// executor is the library's connection to a NameNode: any call of Hadoop's
// ClientProtocol, with whatever authentication the connection has.
type executor interface {
	Execute(method string, request, response proto.Message) error
}

var errOtherLibrary = errors.New("this version of github.com/colinmarc/hdfs keeps its connection elsewhere than v2.4.0 does")

// executorOf reaches for the connection inside a client. The library has no
// rename that may not replace, which Create stands on, and no way to make calls
// that it lacks; to speak the protocol beside it would mean to authenticate
// beside it, too. TestExecutor tells when another version of it differs.
func executorOf(c *client.Client) (executor, error) {
	field := reflect.ValueOf(c).Elem().FieldByName("namenode")
	if !field.IsValid() || field.Kind() != reflect.Pointer {
		return nil, errOtherLibrary
	}
	e, ok := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface().(executor)
	if !ok {
		return nil, errOtherLibrary
	}
	return e, nil
}

// message makes one of the protocol's messages, which the library registers with
// the protobuf runtime.
func message(name string, fields map[string]any) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName("hadoop.hdfs." + name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errOtherLibrary, err)
	}
	m := kind.New()
	for name, value := range fields {
		field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if field == nil {
			return nil, fmt.Errorf("%w: no field %s", errOtherLibrary, name)
		}
		m.Set(field, protoreflect.ValueOf(value))
	}
	return m.Interface(), nil
}

// rename is atomic. Without replace it fails as existing if the new name is taken.
//
// Source: ClientProtocol.rename2 of Hadoop 3.4.
func (s *session) rename(from, to string, replace bool) error {
	request, err := message("Rename2RequestProto", map[string]any{"src": from, "dst": to, "overwriteDest": replace})
	if err != nil {
		return err
	}
	response, err := message("Rename2ResponseProto", nil)
	if err != nil {
		return err
	}
	return s.answer(s.executor.Execute("rename2", request, response))
}
