#!/bin/sh
# Prints what "kubectl create secret tls ingress-cert" and "kubectl create secret
# generic trust-client-cert --from-file=ca.crt=..." would make: secrets.sh
# CERTIFICATE KEY AUTHORITY
cat <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: ingress-cert
  namespace: httpbin
type: kubernetes.io/tls
data:
  tls.crt: $(base64 -w0 "$1")
  tls.key: $(base64 -w0 "$2")
---
apiVersion: v1
kind: Secret
metadata:
  name: trust-client-cert
  namespace: httpbin
data:
  ca.crt: $(base64 -w0 "$3")
EOF
