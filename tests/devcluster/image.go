package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
)

// image is a container image of static binaries: one layer, no base.
type image struct {
	Name  string
	User  string
	Files []imageFile // the first is the entry point
}

type imageFile struct{ from, to string }

// addBinary takes `PATH` or `PATH=/IN/IMAGE`.
func (i *image) addBinary(argument string) {
	from, to, found := strings.Cut(argument, "=")
	if !found {
		to = "/" + filepath.Base(from)
	}
	i.Files = append(i.Files, imageFile{from, to})
}

// pack writes the image as `docker load` and containerd read it. The same binaries give
// the same bytes. Returns the name that says its content.
func (i *image) pack(out string) (string, error) {
	layer, err := i.layer()
	if err != nil {
		return "", err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"created":      "1970-01-01T00:00:00Z",
		"config": map[string]any{
			"Entrypoint": []string{i.Files[0].to},
			"Env":        []string{"PATH=/"},
			"User":       i.User,
			"WorkingDir": "/",
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + sum(layer)}},
	})
	if err != nil {
		return "", err
	}
	byContent := i.Name + ":" + sum(config)[:12]
	manifest, err := json.Marshal([]map[string]any{{
		"Config":   sum(config) + ".json",
		"RepoTags": []string{byContent, i.Name + ":dev"},
		"Layers":   []string{sum(layer) + "/layer.tar"},
	}})
	if err != nil {
		return "", err
	}
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	addFile(writer, sum(config)+".json", 0o644, config)
	addFile(writer, sum(layer)+"/layer.tar", 0o644, layer)
	addFile(writer, "manifest.json", 0o644, manifest)
	if err := writer.Close(); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return "", err
	}
	return byContent, os.WriteFile(out, archive.Bytes(), 0o644)
}

func (i *image) layer() ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	folders := map[string]bool{"/": true}
	for _, file := range i.Files {
		content, err := os.ReadFile(file.from)
		if err != nil {
			return nil, err
		}
		if dynamic(content) {
			return nil, fmt.Errorf("%s is not static: nothing in the image could start it", file.from)
		}
		if folder := path.Dir(file.to); !folders[folder] {
			folders[folder] = true
			writer.WriteHeader(&tar.Header{Name: strings.TrimPrefix(folder, "/") + "/", Typeflag: tar.TypeDir, Mode: 0o755})
		}
		addFile(writer, strings.TrimPrefix(file.to, "/"), 0o755, content)
	}
	return buffer.Bytes(), writer.Close()
}

// dynamic tells whether an ELF file names a loader, which it does in its beginning.
func dynamic(content []byte) bool {
	return bytes.Contains(content[:min(len(content), 4096)], []byte("/ld-linux"))
}

// addFile can't fail: it writes to memory; Close tells if a size was wrong.
func addFile(writer *tar.Writer, name string, mode int64, content []byte) {
	writer.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))})
	writer.Write(content)
}

func sum(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }

// loadImage imports an archive into the node, unless it has it.
func (c *cluster) loadImage(archive string) error {
	if !c.Settings.Whole {
		return errors.New("a control plane has no node to load an image into")
	}
	names, err := imageNames(archive)
	if err != nil {
		return err
	}
	known, err := output("ctr", "--address", c.containerdSocket(), "--namespace", "k8s.io", "images", "ls", "-q")
	if err != nil {
		return err
	}
	if contains(strings.Fields(known), canonical(names[0])) {
		return nil
	}
	return quietly("ctr", "--address", c.containerdSocket(), "--namespace", "k8s.io", "images", "import", archive)
}

// imageNames reads the tags out of an archive, the one by content first.
func imageNames(archive string) ([]string, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for reader := tar.NewReader(file); ; {
		header, err := reader.Next()
		if err != nil {
			return nil, fmt.Errorf("%s is no image archive: %w", archive, err)
		}
		if header.Name != "manifest.json" {
			continue
		}
		var manifest []struct{ RepoTags []string }
		content, err := io.ReadAll(reader)
		if err == nil {
			err = json.Unmarshal(content, &manifest)
		}
		if err != nil || len(manifest) == 0 || len(manifest[0].RepoTags) == 0 {
			return nil, fmt.Errorf("%s names no image: %w", archive, err)
		}
		return manifest[0].RepoTags, nil
	}
}

// canonical is the full name under which containerd keeps an image.
func canonical(name string) string {
	first, _, found := strings.Cut(name, "/")
	switch {
	case !found:
		return "docker.io/library/" + name
	case !strings.ContainsAny(first, ".:"):
		return "docker.io/" + name
	}
	return name
}

// loadOwn builds one of our Go programs, packs it and loads it; gives the image's name.
func (c *cluster) loadOwn(program, name, user string) (string, error) {
	binary := c.path("images", program)
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./"+program)
	cmd.Dir = sourceFolder()
	cmd.Env = append(os.Environ(), append(buildEnv, "GOOS=linux")...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", program, err, text)
	}
	packed := image{Name: name, User: user}
	packed.addBinary(binary)
	loaded, err := packed.pack(binary + ".tar")
	if err != nil {
		return "", err
	}
	return loaded, c.loadImage(binary + ".tar")
}

// loadFunction loads the edge function that tests and the demo run.
func (c *cluster) loadFunction() error {
	name, err := c.loadOwn("function", "kliv.dev/function", "65532:65532")
	if err != nil || name == c.FunctionImage {
		return err
	}
	c.FunctionImage = name
	return c.save()
}
