package http2

import (
	"encoding/binary"

	"fsm/internal/proxy/http1"
)

// frameType is the type of a frame (RFC 9113, section 6).
type frameType uint8

const (
	frameData         frameType = 0
	frameHeaders      frameType = 1
	framePriority     frameType = 2
	frameReset        frameType = 3
	frameSettings     frameType = 4
	framePush         frameType = 5
	framePing         frameType = 6
	frameGoAway       frameType = 7
	frameWindowUpdate frameType = 8
	frameContinuation frameType = 9
)

// Flags of frames.
const (
	flagAck        uint8 = 0x01 // SETTINGS, PING
	flagEndStream  uint8 = 0x01 // DATA, HEADERS
	flagEndHeaders uint8 = 0x04
	flagPadded     uint8 = 0x08
	flagPriority   uint8 = 0x20
)

const (
	frameHeaderSize = 9
	// maxFrame is the largest payload that we accept: the least that everybody has
	// to, and enough.
	maxFrame = 16 << 10
	maxID    = 1<<31 - 1
	// maxWindow is the largest flow-control window.
	maxWindow = 1<<31 - 1
	// defaultWindow is the size of windows that nobody changed.
	defaultWindow = 64<<10 - 1
)

// preface is what a client sends first.
const preface = http1.Preface

// Settings (RFC 9113, section 6.5.2; RFC 8441, section 3).
const (
	settingTableSize      = 1
	settingPush           = 2
	settingMaxStreams     = 3
	settingWindow         = 4
	settingMaxFrame       = 5
	settingMaxHeaderList  = 6
	settingConnect        = 8
	settingSize           = 6
	largestPossibleFrame  = 1<<24 - 1
	smallestPossibleFrame = 1 << 14
)

// frame is the header of a frame.
type frame struct {
	length int
	kind   frameType
	flags  uint8
	stream uint32
}

func parseFrame(b []byte) frame {
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   frameType(b[3]),
		flags:  b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & maxID,
	}
}

func (f *frame) has(flag uint8) bool { return f.flags&flag != 0 }

func appendFrame(dst []byte, f frame) []byte {
	dst = append(dst, byte(f.length>>16), byte(f.length>>8), byte(f.length), byte(f.kind), f.flags)
	return binary.BigEndian.AppendUint32(dst, f.stream)
}

// setLength corrects the length of a frame whose header is at b.
func setLength(b []byte, n int) {
	b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n)
}

func appendReset(dst []byte, stream uint32, code errorCode) []byte {
	dst = appendFrame(dst, frame{length: 4, kind: frameReset, stream: stream})
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

func appendWindowUpdate(dst []byte, stream uint32, n int) []byte {
	dst = appendFrame(dst, frame{length: 4, kind: frameWindowUpdate, stream: stream})
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

func appendGoAway(dst []byte, last uint32, code errorCode, detail string) []byte {
	dst = appendFrame(dst, frame{length: 8 + len(detail), kind: frameGoAway})
	dst = binary.BigEndian.AppendUint32(dst, last)
	dst = binary.BigEndian.AppendUint32(dst, uint32(code))
	return append(dst, detail...)
}

func appendPing(dst []byte, flags uint8, data uint64) []byte {
	dst = appendFrame(dst, frame{length: 8, kind: framePing, flags: flags})
	return binary.BigEndian.AppendUint64(dst, data)
}

// setting is one parameter.
type setting struct {
	id    uint16
	value uint32
}

func appendSettings(dst []byte, settings ...setting) []byte {
	dst = appendFrame(dst, frame{length: settingSize * len(settings), kind: frameSettings})
	for _, s := range settings {
		dst = binary.BigEndian.AppendUint16(dst, s.id)
		dst = binary.BigEndian.AppendUint32(dst, s.value)
	}
	return dst
}

// unpad takes the padding off a payload (RFC 9113, section 6.1).
func (f *frame) unpad(payload []byte) ([]byte, error) {
	if !f.has(flagPadded) {
		return payload, nil
	}
	if len(payload) == 0 {
		return nil, errFrameSize
	}
	n := int(payload[0])
	if n >= len(payload) {
		return nil, errPadding
	}
	return payload[1 : len(payload)-n], nil
}
