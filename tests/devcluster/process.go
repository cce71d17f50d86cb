package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is one that we started. The start time tells it from a later one that got
// the same number.
type process struct {
	Name    string
	Pid     int
	Start   string
	Command []string
}

// spawn starts a program that outlives us: own session, log file, none of our streams.
func (c *cluster) spawn(name, program string, args ...string) error {
	log, err := os.OpenFile(c.logFile(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program, args...)
	cmd.Dir = c.Folder
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.Folder}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // while we live, a process that dies early must not look alive
	c.Processes = append(c.Processes, process{name, cmd.Process.Pid, startTime(cmd.Process.Pid), append([]string{program}, args...)})
	return c.save()
}

// alive tells whether this very process still runs.
func (p process) alive() bool {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return syscall.Kill(p.Pid, 0) == nil
	}
	start := startTime(p.Pid)
	return start != "" && start == p.Start
}

// startTime reads when a process began, in clock ticks since the machine did; empty
// when it is gone or a zombie.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold anything; what follows is fixed.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}

// kill ends processes at once and waits until they are gone: what they would save on
// the way out is thrown away with the cluster.
func kill(processes []process) error {
	for _, p := range processes {
		if p.alive() {
			// It leads its session, so it and what it forked; a program that we did not
			// start is never meant.
			if syscall.Kill(-p.Pid, syscall.SIGKILL) != nil {
				syscall.Kill(p.Pid, syscall.SIGKILL)
			}
		}
	}
	return waitFor(120*time.Second, "processes to end", func() error {
		for _, p := range processes {
			if p.alive() {
				return fmt.Errorf("%s (%d) still runs", p.Name, p.Pid)
			}
		}
		return nil
	})
}

// errGone ends a wait early: what is waited for can't happen any more.
var errGone = errors.New("a process of the cluster ended")

// waitFor tries until there is no error, or the time is over.
func waitFor(limit time.Duration, what string, try func() error) error {
	deadline := time.Now().Add(limit)
	for {
		err := try()
		if err == nil {
			return nil
		}
		if errors.Is(err, errGone) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s for %s: %w", limit, what, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// dead names the first of the cluster's processes that ended, with the end of its log.
func (c *cluster) dead() error {
	for _, p := range c.Processes {
		if !p.alive() {
			return fmt.Errorf("%w: %s; the end of %s:\n%s", errGone, p.Name, c.logFile(p.Name), tail(c.logFile(p.Name), 8))
		}
	}
	return nil
}

func tail(path string, lines int) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(content), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// keepCallersFilesToOurselves lets no background process inherit a pipe of the
// caller's (a job server's, a test harness'): it would wait for its end forever.
func keepCallersFilesToOurselves() {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(filepath.Base(entry.Name())); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
}

// freePorts finds ports that nobody listens on, below the range from which the kernel
// takes ports for outgoing connections.
func freePorts(names ...string) (map[string]int, error) {
	ports := map[string]int{}
	next := 20000 + (os.Getpid()*37+int(time.Now().UnixNano()/1000))%9900
	for range 2000 {
		if len(ports) == len(names) {
			return ports, nil
		}
		next++
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", next))
		if err != nil {
			continue
		}
		listener.Close()
		ports[names[len(ports)]] = next
	}
	return nil, errors.New("no free ports")
}
