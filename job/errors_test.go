package job

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestErrorfWraps(t *testing.T) {
	t.Parallel()
	cause := &fs.PathError{Op: "open", Path: "/data", Err: fs.ErrPermission}
	err := Errorf(CodeUnauthorized, "read input %d: %w; grant access", 3, cause)

	require.EqualError(t, err, "read input 3: open /data: permission denied; grant access")
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorIs(t, err, cause)
	var path *fs.PathError
	require.ErrorAs(t, err, &path)
	require.Equal(t, "/data", path.Path)

	outer := fmt.Errorf("stage: %w", err)
	require.ErrorIs(t, outer, fs.ErrPermission)
	require.Equal(t, CodeUnauthorized, CodeOf(outer))
	again := Errorf(CodeInternal, "job: %w", outer)
	require.Equal(t, 1, strings.Count(again.Error(), "permission denied"), again.Error())
	require.Equal(t, CodeInternal, CodeOf(again), "the outermost code counts")
}

func TestErrorfWrapsSeveral(t *testing.T) {
	t.Parallel()
	first, second := errors.New("first"), errors.New("second")
	err := Errorf(CodeUnavailable, "%w, then %w", first, second)
	require.EqualError(t, err, "first, then second")
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, second)
}

func TestErrorfWithoutCause(t *testing.T) {
	t.Parallel()
	err := Errorf(CodeInvalid, "bad %s: %v", "thing", context.Canceled)
	require.EqualError(t, err, "bad thing: context canceled")
	require.NotErrorIs(t, err, context.Canceled, "%%v does not wrap")
	require.NoError(t, errors.Unwrap(err))
}

func TestErrorShowsACauseGivenDirectly(t *testing.T) {
	t.Parallel()
	err := &Error{Code: CodeInternal, Message: "write", Cause: fs.ErrExist}
	require.EqualError(t, err, "write: file already exists")
	require.ErrorIs(t, err, fs.ErrExist)
}

func TestCodeOf(t *testing.T) {
	t.Parallel()
	require.Equal(t, Code(""), CodeOf(nil))
	require.Equal(t, CodeInternal, CodeOf(errors.New("plain")))
	require.Equal(t, CodeConflict, CodeOf(Errorf(CodeConflict, "x")))
	require.Equal(t, CodeNotFound, CodeOf(errors.Join(errors.New("plain"), Errorf(CodeNotFound, "x"))))
}

func TestProblemsOf(t *testing.T) {
	t.Parallel()
	two := []string{"name: is needed", "size: must be positive"}
	invalid := Invalid("the job is wrong", two)
	require.EqualError(t, invalid, "the job is wrong")
	require.Equal(t, CodeInvalid, CodeOf(invalid))
	for name, row := range map[string]struct {
		err  error
		want []string
	}{
		"nil":                       {nil, nil},
		"plain":                     {errors.New("boom"), []string{"boom"}},
		"listed":                    {invalid, two},
		"wrapped":                   {fmt.Errorf("load: %w", invalid), two},
		"wrapped in a domain error": {Errorf(CodeInvalid, "cluster a: %w", invalid), two},
		"without a list":            {Errorf(CodeInvalid, "bad"), []string{"bad"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, ProblemsOf(row.err))
		})
	}
}
