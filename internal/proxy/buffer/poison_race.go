//go:build race

package buffer

const poison = true
