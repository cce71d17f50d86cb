// Devcluster gives a real Kubernetes cluster without Docker, for tests and for
// `make up`: etcd, API server, controller manager and scheduler; and, as root on
// Linux, a node on which pods run and Services route.
//
//	main          the subcommands
//	settings      what the caller asked for, and from where binaries come
//	build         components from Go modules into a cache outside the checkout
//	packages      Debian's packages that a node needs
//	certs         the cluster's own certificate authority
//	state         what is running, written down so that it can be stopped after a crash
//	process       background processes that hold nothing of the caller's
//	restart       one of them killed and started anew
//	controlplane  etcd, kube-apiserver, kube-controller-manager, kube-scheduler
//	node          network, containerd, kubelet, kube-proxy
//	sweep         taking a node's traces off the machine
//	image         packing and loading images without Docker
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

const usage = `devcluster: a real Kubernetes cluster without Docker

  up      start it, or do nothing when it is up; prints the exports to evaluate
            --whole                 with a node (default for root on Linux; one a machine)
            --control-plane-only    without; any number of them, each with its own --state
            --state DIR             the folder that holds everything of it
            --keep-revisions        etcd is never compacted: every revision can be read
            --no-encryption-at-rest Secrets are plain in etcd
            --audit-policy FILE     instead of one that records no content
            --controllers-share-account  Kubernetes' controllers have no ServiceAccounts
  down    stop it and leave nothing behind, also after a crash
            --state DIR
            --when-stdin-closes     wait for that first: ties a cluster to a test's life
            --force                 also when no record of a cluster is left
  restart NAME: kill one of its processes and start it anew, e.g. kubelet
            --state DIR
  env     print the exports of the running cluster
            --state DIR
  build   build what a cluster here needs into the cache
  tool    [--build] NAME: print where the cache has it, or nothing
  module  PATH@VERSION: fetch a Go module and print its folder
  image pack --name NAME --binary PATH[=/IN/IMAGE] [--binary ...] [--user UID:GID] --out FILE.tar
          writes an image of static binaries, tagged NAME:dev and NAME:<hash of its
          content>; prints the latter
  image load FILE.tar
          into the whole cluster's containerd

Environment: KLIV_CACHE, KLIV_KUBECONFIG (use that cluster, start none),
KUBEBUILDER_ASSETS, TEST_ASSET_KUBE_APISERVER, TEST_ASSET_ETCD, TEST_ASSET_KUBECTL
`

func main() {
	keepCallersFilesToOurselves()
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "devcluster:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch command, rest := args[0], args[1:]; command {
	case "up":
		return runUp(rest)
	case "down":
		return runDown(rest)
	case "restart":
		return runRestart(rest)
	case "env":
		return runEnv(rest)
	case "build":
		return runBuild()
	case "tool":
		return runTool(rest)
	case "module":
		return runModule(rest)
	case "image":
		return runImage(rest)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	default:
		return fmt.Errorf("%q is no command; `devcluster help` lists them", command)
	}
}

func runUp(args []string) error {
	var want settings
	flags := newFlags("up")
	whole := flags.Bool("whole", false, "")
	controlPlaneOnly := flags.Bool("control-plane-only", false, "")
	flags.StringVar(&want.State, "state", "", "")
	flags.BoolVar(&want.KeepRevisions, "keep-revisions", false, "")
	flags.BoolVar(&want.PlainSecrets, "no-encryption-at-rest", false, "")
	flags.StringVar(&want.AuditPolicy, "audit-policy", "", "")
	flags.BoolVar(&want.ControllersShareAccount, "controllers-share-account", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if path := os.Getenv("KLIV_KUBECONFIG"); path != "" && !*controlPlaneOnly {
		return printExistingCluster(path)
	}
	if err := want.complete(*whole, *controlPlaneOnly); err != nil {
		return err
	}
	unlock, err := lock(want.State + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	cluster, err := up(want)
	if err != nil {
		return err
	}
	return cluster.printExports(os.Stdout)
}

func runDown(args []string) error {
	flags := newFlags("down")
	state := flags.String("state", defaultState(), "")
	whenStdinCloses := flags.Bool("when-stdin-closes", false, "")
	force := flags.Bool("force", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *whenStdinCloses {
		// An interrupt meant for the tests must not end the one who cleans up after them.
		signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			return err
		}
	} else if os.Getenv("KLIV_KUBECONFIG") != "" && *state == defaultState() {
		progress("KLIV_KUBECONFIG names the cluster: nothing of ours to stop")
		return nil
	}
	folder, unlock, err := lockState(*state)
	if err != nil {
		return err
	}
	defer unlock()
	defer os.Remove(folder + ".lock")
	_, err = os.Stat(folder)
	wasThere := err == nil
	if err := down(folder, *force); err != nil || *whenStdinCloses {
		return err
	}
	if wasThere {
		progress("stopped; nothing is left of it")
	} else {
		progress("no cluster is up")
	}
	return nil
}

func runEnv(args []string) error {
	flags := newFlags("env")
	state := flags.String("state", defaultState(), "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if path := os.Getenv("KLIV_KUBECONFIG"); path != "" && *state == defaultState() {
		return printExistingCluster(path)
	}
	cluster, err := readState(*state)
	if err != nil {
		return err
	}
	if cluster == nil {
		return errors.New("no cluster is up; `make up` starts one")
	}
	return cluster.printExports(os.Stdout)
}

func runBuild() error {
	if _, err := toolsFor(settings{Whole: canRunNode()}); err != nil {
		return err
	}
	var tests []string
	for _, c := range components {
		if c.testOnly {
			tests = append(tests, c.tool)
		}
	}
	_, err := buildComponents(tests)
	return err
}

func runModule(args []string) error {
	if len(args) != 1 {
		return errors.New("module: say which and its version, e.g. `module example.org/m@v1.0.0`")
	}
	folder, err := moduleFolder(args[0])
	if err == nil {
		fmt.Println(folder)
	}
	return err
}

func runTool(args []string) error {
	flags := newFlags("tool")
	build := flags.Bool("build", false, "build it when the cache does not have it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("tool: say which, e.g. `tool helm`")
	}
	name := flags.Arg(0)
	if *build {
		if _, err := buildComponents([]string{name}); err != nil {
			return err
		}
	}
	path, err := cachedTool(name)
	if err == nil && path != "" {
		fmt.Println(path)
	}
	return err
}

func runImage(args []string) error {
	if len(args) > 0 && args[0] == "load" && len(args) == 2 {
		cluster, err := readState(wholeState)
		if err != nil {
			return err
		}
		if cluster == nil {
			return errors.New("no whole cluster is up, so there is nowhere to load an image; `make up` starts one")
		}
		return cluster.loadImage(args[1])
	}
	if len(args) == 0 || args[0] != "pack" {
		return errors.New("image: say `image pack …` or `image load FILE.tar`")
	}
	var image image
	var out string
	flags := newFlags("image pack")
	flags.StringVar(&image.Name, "name", "", "")
	flags.StringVar(&image.User, "user", "65532:65532", "")
	flags.StringVar(&out, "out", "", "")
	flags.Func("binary", "", func(value string) error {
		image.addBinary(value)
		return nil
	})
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if image.Name == "" || out == "" || len(image.Files) == 0 {
		return errors.New("image pack: --name, --binary and --out are needed")
	}
	name, err := image.pack(out)
	if err != nil {
		return err
	}
	fmt.Println(name)
	return nil
}

func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	return flags
}

// progress tells a person what takes time. Standard output is kept for the exports.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "devcluster: "+format+"\n", args...)
}

// shellQuote makes one word of a text for any POSIX shell.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
