package main

import (
	"fmt"
	"slices"
	"time"
)

// restart kills one of the cluster's processes and starts it anew, as after a crash, and
// waits until the cluster is well again.
func restart(folder, name string) error {
	addSystemPath()
	c, err := readState(folder)
	if err != nil {
		return err
	}
	if c == nil {
		return fmt.Errorf("no cluster is up; `make up` starts one")
	}
	at := slices.IndexFunc(c.Processes, func(p process) bool { return p.Name == name })
	if at < 0 || len(c.Processes[at].Command) == 0 {
		return fmt.Errorf("the cluster has no process %q that could be restarted", name)
	}
	old := c.Processes[at]
	if err := kill([]process{old}); err != nil {
		return err
	}
	c.Processes = slices.Delete(c.Processes, at, at+1)
	if err := c.spawn(name, old.Command[0], old.Command[1:]...); err != nil {
		return err
	}
	return c.waitWhileAlive(180*time.Second, "the cluster to be well", func() error {
		if name == "containerd" {
			if err := quietly("ctr", "--address", c.containerdSocket(), "version"); err != nil {
				return err
			}
		}
		return c.healthy()
	})
}

func runRestart(args []string) error {
	flags := newFlags("restart")
	state := flags.String("state", defaultState(), "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return fmt.Errorf("restart: say which process, e.g. `restart kubelet`")
	}
	folder, unlock, err := lockState(*state)
	if err != nil {
		return err
	}
	defer unlock()
	return restart(folder, flags.Arg(0))
}
