package hadoop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/stoker-spark/stoker/job"
	"github.com/stoker-spark/stoker/store"
)

// Exception is a Java exception that a Hadoop server answered with.
//
//	answers errors.Is with   exceptions                                       job code
//	fs.ErrNotExist           FileNotFound, ParentNotDirectory                 not_found
//	fs.ErrPermission         AccessControl, Security, authentication          unauthorized
//	fs.ErrExist              FileAlreadyExists, AlreadyBeingCreated           conflict
//	errors.ErrUnsupported    UnsupportedOperation, UnknownCryptoProtocol…     invalid
//	store.ErrFull            …QuotaExceeded                                   unavailable
//	-                        InvalidPath, IllegalArgument, names too long     invalid
//	-                        Standby, SafeMode, Retriable, IO, all others     unavailable
type Exception struct {
	// Class is the exception's Java class, with or without its package.
	Class string
	// Message is what the server said: its first line, without tokens.
	Message string
}

// NewException makes an Exception of a class and a message that may hold a stack
// trace.
func NewException(class, message string) *Exception {
	message, _, _ = strings.Cut(strings.TrimSpace(message), "\n")
	message = Redact(job.Head(strings.TrimSpace(message), 4*job.MaxRaw))
	return &Exception{Class: job.Head(class, job.MaxWord), Message: job.Head(message, job.MaxRaw)}
}

// Name is the class without its package and its outer class.
func (e *Exception) Name() string {
	return e.Class[strings.LastIndexAny(e.Class, ".$")+1:]
}

func (e *Exception) Error() string {
	message := strings.TrimPrefix(e.Message, e.Class+": ")
	if message == "" {
		return e.Name()
	}
	return e.Name() + ": " + message
}

// notDirectory is how a NameNode that checks rights on its way to a file says
// that something on the way is a file, too.
const notDirectory = "(is not a directory)"

// FileInTheWay reports whether a file stands where a path needs a directory.
func (e *Exception) FileInTheWay() bool {
	return e.Name() == "ParentNotDirectoryException" ||
		e.Name() == "AccessControlException" && strings.HasSuffix(e.Message, notDirectory)
}

// Elsewhere reports whether another server of the same service may answer: this
// one is not, or not yet, in charge.
func (e *Exception) Elsewhere() bool {
	return slices.Contains([]string{"StandbyException", "ObserverRetryOnActiveException", "RetriableException"}, e.Name())
}

// Is answers for the kinds of error in the table above.
func (e *Exception) Is(target error) bool { return e.kind().is == target }

// Code is the job code of the table above.
func (e *Exception) Code() job.Code { return e.kind().code }

type kind struct {
	is   error
	code job.Code
}

func (e *Exception) kind() kind {
	if e.FileInTheWay() {
		return kind{fs.ErrNotExist, job.CodeNotFound}
	}
	switch e.Name() {
	case "FileNotFoundException":
		return kind{fs.ErrNotExist, job.CodeNotFound}
	case "AccessControlException", "TraverseAccessControlException", "AuthorizationException", "SecurityException",
		"AuthenticationException", "InvalidToken":
		return kind{fs.ErrPermission, job.CodeUnauthorized}
	case "FileAlreadyExistsException", "AlreadyBeingCreatedException":
		return kind{fs.ErrExist, job.CodeConflict}
	case "UnsupportedOperationException", "UnknownCryptoProtocolVersionException", "RpcNoSuchMethodException",
		"UnresolvedPathException":
		return kind{errors.ErrUnsupported, job.CodeInvalid}
	case "NSQuotaExceededException", "DSQuotaExceededException", "QuotaExceededException", "QuotaByStorageTypeExceededException":
		return kind{store.ErrFull, job.CodeUnavailable}
	case "InvalidPathException", "IllegalArgumentException", "HadoopIllegalArgumentException",
		"PathComponentTooLongException":
		return kind{nil, job.CodeInvalid}
	default:
		return kind{nil, job.CodeUnavailable}
	}
}

// advice is what the caller can do where the exception doesn't say.
func (e *Exception) advice() string {
	if e.Is(store.ErrFull) {
		return ": the directory's quota is used up; free space there or give it more, then try again"
	}
	switch e.Name() {
	case "MaxDirectoryItemsExceededException":
		return ": the directory is full; remove entries of it, then try again"
	case "SafeModeException":
		return ": HDFS is in safe mode; it leaves that by itself, or by hdfs dfsadmin -safemode leave"
	default:
		return ""
	}
}

// Failure turns what went wrong on a path into a job error, whose message names
// both and holds no secret: an Exception by its table, the three errors of
// package fs that stores answer with by theirs, and everything else, such as a
// connection refused or ctx's end, as unavailable. A job error stays as it is.
func Failure(op, path string, err error) error {
	var known *job.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	what := fmt.Sprintf("%s %q", op, path)
	code := job.CodeUnavailable
	var e *Exception
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
	case errors.As(err, &e):
		code = e.Code()
		what += e.advice()
	case errors.Is(err, fs.ErrNotExist):
		code = job.CodeNotFound
	case errors.Is(err, fs.ErrPermission):
		code = job.CodeUnauthorized
	case errors.Is(err, fs.ErrExist):
		code = job.CodeConflict
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, fs.ErrInvalid):
		code = job.CodeInvalid
	}
	return &job.Error{Code: code, Message: what, Cause: RedactError(err)}
}

// ContentFailure is the error of content that could not be read to be written to
// a path. It has the content's own code: the store has no part in it.
func ContentFailure(path string, err error) error {
	return &job.Error{Code: job.CodeOf(err), Message: fmt.Sprintf("write %q: read the content", path), Cause: RedactError(err)}
}

// Unreachable is the error of a server that gave no answer, or none that can be
// understood. Of what the cause answers errors.Is with, only ctx's errors remain:
// a connection that a firewall forbids is no fs.ErrPermission of a file.
func Unreachable(server string, cause error) error {
	for _, ended := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(cause, ended) {
			return fmt.Errorf("%s: %w", server, ended)
		}
	}
	return errors.New(Redact(fmt.Sprintf("%s: %v", server, cause)))
}
