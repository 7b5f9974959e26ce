package webhook

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Path at which questions are answered.
const Path = "/validate"

// Verdict is what there is to say about an object. It is refused if there are
// mistakes.
type Verdict struct {
	Warnings []string
	Mistakes field.ErrorList
}

// Judge looks at an object as it is to be stored, in JSON.
type Judge func(object []byte) Verdict

// Server answers questions about objects.
type Server struct {
	// Judges of the kinds that there are questions about, in the version that
	// registration asks for.
	Judges map[schema.GroupKind]Judge
	// Certificate is asked for each connection, so that it may be renewed.
	Certificate func() (*tls.Certificate, error)
	Log         *slog.Logger
}

// Bounds of what questions may cost. The objects that are judged have some kilobytes;
// maxBody is what the API server itself takes from a client.
const (
	maxBody = 3 << 20
	// maxBodies is for the bodies of all questions at a time.
	maxBodies  = 2 * maxBody
	headerTime = 5 * time.Second
	bodyTime   = 10 * time.Second
	answerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 32 << 10
)

// Serve answers on a listener until the context ends.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: bodyTime + answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{
			MinVersion:     tls.VersionTLS13,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.Certificate() },
		},
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // the API server asks another replica
	defer stop()
	if err := server.ServeTLS(ln, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve webhook: %w", err)
	}
	return nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST "+Path, &handler{s, semaphore.NewWeighted(maxBodies)})
	return mux
}

// handler answers questions.
type handler struct {
	*Server
	// bodies is the memory that is left for bodies.
	bodies *semaphore.Weighted
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.ContentLength < 0: // so that it is known what it will cost
		http.Error(w, "want a Content-Length", http.StatusLengthRequired)
		return
	case r.ContentLength > maxBody:
		w.Header().Set("Connection", "close") // without reading it all
		http.Error(w, fmt.Sprintf("want no more than %d bytes", maxBody), http.StatusRequestEntityTooLarge)
		return
	}
	if err := h.bodies.Acquire(r.Context(), r.ContentLength); err != nil {
		return // nobody waits any longer
	}
	defer h.bodies.Release(r.ContentLength)
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		http.Error(w, "body is not complete", http.StatusBadRequest)
		return
	}
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil || review.Request == nil {
		http.Error(w, "want an AdmissionReview of admission.k8s.io/v1 with a request", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: h.answer(review.Request)}); err != nil {
		h.Log.Debug("answer not delivered", "error", err)
	}
}

// leaving tells whether an object is being deleted.
func leaving(object []byte) bool {
	var o struct{ Metadata metav1.ObjectMeta }
	return json.Unmarshal(object, &o) == nil && o.Metadata.DeletionTimestamp != nil
}

// answer is what the API server gets to hear.
func (s *Server) answer(q *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	answer := &admissionv1.AdmissionResponse{UID: q.UID, Allowed: true}
	judge, ok := s.Judges[schema.GroupKind{Group: q.Kind.Group, Kind: q.Kind.Kind}]
	if !ok || q.Operation == admissionv1.Delete {
		return answer // a registration that asks for too much is in nobody's way
	}
	if leaving(q.Object.Raw) {
		return answer // it loses its last finalizer
	}
	verdict := judge(q.Object.Raw)
	answer.Warnings = verdict.Warnings
	if len(verdict.Mistakes) > 0 {
		answer.Allowed = false
		answer.Result = &metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusUnprocessableEntity, Reason: metav1.StatusReasonInvalid,
			Message: verdict.Mistakes.ToAggregate().Error(),
		}
		s.Log.Info("object refused", "kind", q.Kind.Kind, "object", q.Namespace+"/"+q.Name, "error", answer.Result.Message)
	}
	return answer
}
