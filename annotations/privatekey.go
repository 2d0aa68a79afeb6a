package annotations

import (
	"fmt"
	"slices"
	"strconv"

	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

const (
	minRSA = 2048
	maxRSA = 8192
)

func rsaSizes() []int   { return []int{minRSA, 3072, 4096, maxRSA} }
func ecdsaSizes() []int { return []int{256, 384, 521} }

func keySize(r *reading, value string) {
	n, err := strconv.Atoi(value)
	if err != nil {
		r.refuse(r.raw, "not a whole number")
		return
	}
	r.request.PrivateKey.Size = n
	if n == 0 && trim(r.in[cm.PrivateKeyAlgorithmAnnotationKey]) != string(cm.Ed25519KeyAlgorithm) {
		r.refuse(r.raw, "not a number of bits")
	}
}

// checkKeySize checks the size against the algorithm, which defaults to RSA.
func (r *reading) checkKeySize() {
	key := &r.request.PrivateKey
	if key.Size == 0 {
		return
	}
	size, bits := &key.Size, key.Size
	r.switchTo(cm.PrivateKeySizeAnnotationKey)
	switch {
	case r.isUnread(FieldPrivateKey):
		*size = 0 // the invalid annotation may be the algorithm
	case key.Algorithm == string(cm.Ed25519KeyAlgorithm):
		*size = 0
		r.warn(r.raw, "ignored: an Ed25519 key has one size")
	case key.Algorithm == string(cm.ECDSAKeyAlgorithm) && !slices.Contains(ecdsaSizes(), bits):
		*size = 0
		r.refuse(r.raw, "not a size of an ECDSA key ("+cm.PrivateKeyAlgorithmAnnotationKey+")", nearestSize(bits, ecdsaSizes()))
	case key.Algorithm == string(cm.ECDSAKeyAlgorithm):
	case bits < minRSA || bits > maxRSA:
		*size = 0
		r.refuse(r.raw, fmt.Sprintf("an RSA key has %d to %d bits ("+cm.PrivateKeyAlgorithmAnnotationKey+")", minRSA, maxRSA), nearestSize(bits, rsaSizes()))
	case !slices.Contains(rsaSizes(), bits):
		r.warn(r.raw, "an unusual size, which some CAs refuse", nearestSize(bits, rsaSizes()))
	}
}

func nearestSize(n int, sizes []int) string {
	return strconv.Itoa(slices.MinFunc(sizes, func(a, b int) int { return abs(a-n) - abs(b-n) }))
}

func abs(n int) int { return max(n, -n) }
