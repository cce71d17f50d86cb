// Function is a small edge function for tests and the demo. It answers on :8080
//
//	/        its environment, a JSON object
//	/readyz  ok; asked as /readyz?NAME=a&NAME=b only where its environment has one of those
//	/reach   what the API server says of its version, asked through its Service
//
// With TLS_DIR set it is an admission webhook on :8443 as well, which annotates what
// it sees. `function env` prints the environment, for `kubectl exec`.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "env" {
		json.NewEncoder(os.Stdout).Encode(environment())
		return
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(environment())
	})
	routes.HandleFunc("/readyz", readyz)
	routes.HandleFunc("/reach", reach)
	if folder := os.Getenv("TLS_DIR"); folder != "" {
		go serveWebhook(folder)
	}
	server := &http.Server{Addr: ":8080", Handler: routes}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		<-ctx.Done()
		server.Shutdown(context.Background())
	}()
	log.Print("function: answering on :8080")
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
}

func environment() map[string]string {
	all := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		all[name] = value
	}
	return all
}

func readyz(w http.ResponseWriter, r *http.Request) {
	for name, accepted := range r.URL.Query() {
		if !slices.Contains(accepted, os.Getenv(name)) {
			http.Error(w, "not with this "+name, http.StatusServiceUnavailable)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// reach asks the API server as any client in a pod does: by its Service's address,
// trusting the ServiceAccount's CA.
func reach(w http.ResponseWriter, _ *http.Request) {
	const account = "/var/run/secrets/kubernetes.io/serviceaccount"
	ca, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
	address := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	response, err := client.Get("https://" + address + "/version")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	w.WriteHeader(response.StatusCode)
	io.Copy(w, response.Body)
}

func serveWebhook(folder string) {
	server := &http.Server{Addr: ":8443", Handler: http.HandlerFunc(annotate)}
	log.Fatal(server.ListenAndServeTLS(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")))
}

// annotate allows every object and leaves a mark on it.
func annotate(w http.ResponseWriter, r *http.Request) {
	var review struct {
		Request struct {
			UID string `json:"uid"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	patch := `[{"op":"add","path":"/metadata/annotations","value":{"seen-by":"function"}}]`
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"apiVersion": "admission.k8s.io/v1",
		"kind":       "AdmissionReview",
		"response": map[string]any{
			"uid":       review.Request.UID,
			"allowed":   true,
			"patchType": "JSONPatch",
			"patch":     base64.StdEncoding.EncodeToString([]byte(patch)),
		},
	})
}
