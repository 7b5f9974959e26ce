package core

import (
	"crypto/tls"

	"k8s.io/apimachinery/pkg/types"

	"fsm/internal/ir"
	"fsm/internal/resource"
	"fsm/internal/translate/memo"
)

// KeyPaths are the paths of a certificate and its key.
type KeyPaths struct{ Certificate, Key string }

// FileKeyPair returns the certificate and private key in two files.
func (s *Source) FileKeyPair(r *memo.Recorder, paths KeyPaths) *Material {
	return s.fileKeyPairs.Read(r, paths)
}

// FileAuthorities returns the certificate authorities in a file.
func (s *Source) FileAuthorities(r *memo.Recorder, path string) *Material {
	return s.fileBundles.Read(r, path)
}

func (s *Source) makeFileKeyPair(r *memo.Recorder, paths KeyPaths) *Material {
	certificate, failed := s.file(r, paths.Certificate)
	if failed != nil {
		return failed
	}
	key, failed := s.file(r, paths.Key)
	if failed != nil {
		return failed
	}
	if _, err := tls.X509KeyPair(certificate, key); err != nil {
		return problem("files %s and %s hold no usable key pair: %v", paths.Certificate, paths.Key, err)
	}
	return &Material{Secret: &ir.Secret{
		Name:        ir.SecretName("File/" + paths.Certificate + "," + paths.Key),
		Origin:      ir.Origin{Kind: "File", Name: paths.Certificate},
		Certificate: string(certificate),
		Key:         ir.Private(key),
	}}
}

func (s *Source) makeFileBundle(r *memo.Recorder, path string) *Material {
	text, failed := s.file(r, path)
	if failed != nil {
		return failed
	}
	if err := checkBundle(text); err != nil {
		return problem("file %s holds no usable certificates: %v", path, err)
	}
	return &Material{Secret: &ir.Secret{
		Name:        ir.SecretName("File/" + path),
		Origin:      ir.Origin{Kind: "File", Name: path},
		Authorities: string(text),
	}}
}

// file is the content of a file, or why there is none.
func (s *Source) file(r *memo.Recorder, path string) (content []byte, failed *Material) {
	f := Get[*resource.File](s, r, types.NamespacedName{Name: path})
	switch {
	case f == nil:
		return nil, problem("file %s was not read; paths of files work outside of clusters only", path)
	case f.Problem != "":
		return nil, problem("file %s %s", path, f.Problem)
	default:
		return f.Content, nil
	}
}
