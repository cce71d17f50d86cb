package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sweepNode takes a node off the machine: processes, mounts, links, rules, control
// groups, sockets. It needs nothing of the cluster to work, so that it works after a
// crash as well.
func (c *cluster) sweepNode() error {
	// First who would start containers again, then the containers, then their keepers.
	if err := kill(c.Processes); err != nil {
		return err
	}
	if err := waitFor(120*time.Second, "containers to end", killContainers); err != nil {
		return err
	}
	outside := c.containersFilesOutside()
	if err := waitFor(120*time.Second, "containerd's shims to end", c.killShims); err != nil {
		return err
	}
	for _, file := range outside {
		os.Remove(file)
	}
	if err := unmountBelow(c.Folder); err != nil {
		return err
	}
	if err := removeLinks(); err != nil {
		return err
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		if err := removeRules(tool); err != nil {
			return err
		}
	}
	if err := waitFor(60*time.Second, "control groups to go", removeControlGroups); err != nil {
		return err
	}
	if c.Node.IPForward != "" {
		if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte(c.Node.IPForward), 0o644); err != nil {
			return err
		}
	}
	return c.removeSystemFiles()
}

// podGroups are the roots of the control groups that the kubelet makes: one a
// controller (version 1), or one (version 2).
func podGroups() []string {
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/kubepods")
	if _, err := os.Stat("/sys/fs/cgroup/kubepods"); err == nil {
		groups = append(groups, "/sys/fs/cgroup/kubepods")
	}
	return groups
}

func killContainers() error {
	left := 0
	for _, root := range podGroups() {
		filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil
			}
			content, _ := os.ReadFile(path)
			for _, word := range strings.Fields(string(content)) {
				if pid, err := strconv.Atoi(word); err == nil && pid > 1 && startTime(pid) != "" {
					left++
					syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			return nil
		})
	}
	if left > 0 {
		return fmt.Errorf("%d still run", left)
	}
	return nil
}

// containersFilesOutside lists what shims and network plugins keep of each container at
// places of their own choice.
func (c *cluster) containersFilesOutside() []string {
	folders, _ := filepath.Glob(c.path("run", "containerd", "io.containerd.runtime.v2.task", "*", "*"))
	var files []string
	for _, folder := range folders {
		socket, _ := os.ReadFile(filepath.Join(folder, "address"))
		files = append(files, strings.TrimPrefix(strings.TrimSpace(string(socket)), "unix://"))
		results, _ := filepath.Glob("/var/lib/cni/results/*-" + filepath.Base(folder) + "-*")
		files = append(files, results...)
	}
	return files
}

// killShims ends the processes that serve our containerd's socket.
func (c *cluster) killShims() error {
	left := 0
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		content, _ := os.ReadFile(file)
		words := strings.Split(string(content), "\x00")
		if !strings.HasPrefix(filepath.Base(words[0]), "containerd-shim") || !contains(words, c.containerdSocket()) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			left++
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if left > 0 {
		return fmt.Errorf("%d still run", left)
	}
	return nil
}

func unmountBelow(folder string) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	var points []string
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], folder+"/") {
			points = append(points, fields[4])
		}
	}
	// The deepest and the latest first.
	for i := len(points) - 1; i >= 0; i-- {
		if err := quietly("umount", "-l", points[i]); err != nil {
			return err
		}
	}
	return nil
}

// removeLinks deletes our address and the machine's ends of the pods' cables.
func removeLinks() error {
	routes, err := output("ip", "-4", "route", "show", "root", podRange)
	if err != nil {
		return err
	}
	links := map[string]bool{}
	for line := range strings.Lines(routes) {
		words := strings.Fields(line)
		for i, word := range words {
			if word == "dev" && i+1 < len(words) && strings.HasPrefix(words[i+1], "veth") {
				links[words[i+1]] = true
			}
		}
	}
	if _, err := os.Stat("/sys/class/net/" + hostLink); err == nil {
		links[hostLink] = true
	}
	for link := range links {
		// Gone in between is as good: a pod's network goes with its last process.
		if err := quietly("ip", "link", "delete", link); err != nil {
			if _, stat := os.Stat("/sys/class/net/" + link); stat == nil {
				return err
			}
		}
	}
	return nil
}

// removeRules deletes kube-proxy's chains and our rules, each table in one step, and
// touches nobody else's.
func removeRules(tool string) error {
	if _, err := exec.LookPath(tool + "-save"); err != nil {
		return nil
	}
	rules, err := output(tool + "-save")
	if err != nil {
		return err
	}
	if change := rulesToRemove(rules); change != "" {
		cmd := exec.Command(tool+"-restore", "--noflush", "-w")
		cmd.Stdin = strings.NewReader(change)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s-restore: %w\n%s", tool, err, text)
		}
	}
	return nil
}

// rulesToRemove turns the output of iptables-save into what iptables-restore needs.
func rulesToRemove(saved string) string {
	var change, flush, remove, table strings.Builder
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table.Reset()
			flush.Reset()
			remove.Reset()
			table.WriteString(line + "\n")
		case strings.HasPrefix(line, ":KUBE-"):
			chain, _, _ := strings.Cut(line[1:], " ")
			fmt.Fprintf(&flush, ":%s - [0:0]\n", chain) // without --flush, naming a chain empties it
			fmt.Fprintf(&remove, "-X %s\n", chain)
		case strings.HasPrefix(line, "-A KUBE-"):
		case strings.HasPrefix(line, "-A ") && (strings.Contains(line, "-j KUBE-") || strings.Contains(line, "--comment "+ruleComment+" ")):
			fmt.Fprintf(&flush, "-D %s\n", line[3:])
		case line == "COMMIT" && flush.Len() > 0:
			change.WriteString(table.String() + flush.String() + remove.String() + "COMMIT\n")
		}
	}
	return change.String()
}

func removeControlGroups() error {
	var groups []string
	for _, root := range podGroups() {
		filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				groups = append(groups, path)
			}
			return nil
		})
	}
	sort.Sort(sort.Reverse(sort.StringSlice(groups))) // children before parents
	var failed error
	for _, group := range groups {
		if err := syscall.Rmdir(group); err != nil {
			failed = fmt.Errorf("%s: %w", group, err)
		}
	}
	return failed
}

// removeSystemFiles removes what lies outside our folder: our files, then the folders
// that were not there before us, if nobody else has put anything into them.
func (c *cluster) removeSystemFiles() error {
	logs, _ := filepath.Glob("/var/log/containers/*.log")
	for _, link := range logs {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, c.Folder+"/") {
			os.Remove(link)
		}
	}
	results, _ := filepath.Glob("/var/lib/cni/results/" + ruleComment + "-*")
	devices, _ := filepath.Glob("/var/lib/kubelet/device-plugins/*")
	for _, file := range append(results, devices...) {
		os.Remove(file)
	}
	for _, folder := range c.Node.Made {
		var folders []string
		filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil
		})
		sort.Sort(sort.Reverse(sort.StringSlice(folders)))
		for _, empty := range folders {
			syscall.Rmdir(empty)
		}
	}
	return nil
}
