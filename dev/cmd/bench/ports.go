package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/stoker-spark/stoker/dev/stack"
)

// freeOffset shifts the ports of a deployment to where nobody listens, so that no
// other deployment, which may be another benchmark's, answers for it.
func freeOffset() (int, error) {
	for offset := benchOffset; offset < benchOffset+10000; offset += 100 {
		if allFree(stack.PortsAt(offset)) {
			return offset, nil
		}
	}
	return 0, errors.New("no free ports for a deployment")
}

func allFree(p stack.Ports) bool {
	for _, port := range []int{p.Temporal, p.WebUI, p.ModelManage, p.Metrics, p.API} {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return false
		}
		_ = listener.Close() // it was only opened to see that it can be
	}
	return true
}
