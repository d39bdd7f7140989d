// Command logcheck judges a log of this project by Go's own implementations.
//
//	logcheck <checkpoint file> <log verifier key> <entries file> [<witness verifier key> ...]
//
// It opens the checkpoint with sumdb/note, hashes every entry into a tree with sumdb/tlog, and compares size
// and root. Every witness whose key is given must have cosigned the checkpoint (C2SP tlog-cosignature, type 04):
// each cosignature is checked here, by a verifier of this program's own, and its time printed.
// The tree is computed with TreeHash over hashes made here and never with TileHashReader, which in older
// versions takes forged tiles (CVE-2026-56865).
//
// The entries file is all entry bundles end to end: u16 big-endian length, entry, repeated.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const cosignatureType = 4

func main() {
	if err := check(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func check(args []string) error {
	if len(args) < 3 {
		return errors.New("wants a checkpoint, a verifier key and entries")
	}
	signed, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(args[1])
	if err != nil {
		return err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] != verifier.Name() {
		return errors.New("the checkpoint is not three lines of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return err
	}
	bundles, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	found, computed, err := treeOf(bundles)
	if err != nil {
		return err
	}
	if found != size {
		return fmt.Errorf("%d entries, but the checkpoint says %d", found, size)
	}
	if computed != root {
		return fmt.Errorf("the entries hash to %v, but the checkpoint says %v", computed, root)
	}
	witnesses, err := parseWitnesses(args[3:], args[1])
	if err != nil {
		return err
	}
	var seen []string
	for _, witness := range witnesses {
		time, err := witness.cosigned(opened)
		if err != nil {
			return fmt.Errorf("%s: %w", witness.name, err)
		}
		seen = append(seen, fmt.Sprintf("cosigned %s %d\n", witness.name, time))
	}
	fmt.Printf("ok %s %d %v\n%s", lines[0], size, root, strings.Join(seen, ""))
	return nil
}

// treeOf hashes length-prefixed entries into a tree.
func treeOf(bundles []byte) (int64, tlog.Hash, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	var size int64
	for len(bundles) > 0 {
		if len(bundles) < 2 || len(bundles)-2 < int(binary.BigEndian.Uint16(bundles)) {
			return 0, tlog.Hash{}, errors.New("an entry is cut short")
		}
		end := 2 + int(binary.BigEndian.Uint16(bundles))
		hashes, err := tlog.StoredHashes(size, bundles[2:end], reader)
		if err != nil {
			return 0, tlog.Hash{}, err
		}
		stored = append(stored, hashes...)
		bundles = bundles[end:]
		size++
	}
	if size == 0 {
		return 0, sha256.Sum256(nil), nil
	}
	root, err := tlog.TreeHash(size, reader)
	return size, root, err
}

// witness is a verifier key of type 04.
type witness struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

// parseWitnesses reads verifier keys. Each witness counts once, and the log is none of its own.
func parseWitnesses(texts []string, log string) ([]witness, error) {
	counted := map[string]bool{}
	if material, err := keyMaterial(log); err == nil {
		counted[string(material[1:])] = true
	}
	var found []witness
	for _, text := range texts {
		material, err := keyMaterial(text)
		if err != nil {
			return nil, err
		}
		if material[0] != cosignatureType {
			return nil, errors.New("the witness key is not of type 04")
		}
		if counted[string(material[1:])] {
			return nil, errors.New("a witness key is given twice, or is the log's own")
		}
		counted[string(material[1:])] = true
		parts := strings.SplitN(text, "+", 3)
		id := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
		if fmt.Sprintf("%x", id[:4]) != parts[1] {
			return nil, errors.New("the id of the witness key does not fit it")
		}
		found = append(found, witness{parts[0], binary.BigEndian.Uint32(id[:4]), material[1:]})
	}
	return found, nil
}

// keyMaterial is the type byte and the key of a verifier key, name+id+base64.
func keyMaterial(text string) ([]byte, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("a verifier key is name+id+key")
	}
	material, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(material) != 1+ed25519.PublicKeySize {
		return nil, errors.New("a verifier key is a type and 32 bytes")
	}
	return material, nil
}

// cosigned looks for the witness's lines among those that sumdb/note passed over, and checks every one of them; the
// time that the first one names, in seconds since 1970.
func (w witness) cosigned(opened *note.Note) (uint64, error) {
	var times []uint64
	for _, line := range opened.UnverifiedSigs {
		if line.Name != w.name || line.Hash != w.id {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(line.Base64)
		if err != nil || len(raw) != 4+8+ed25519.SignatureSize {
			return 0, errors.New("the cosignature has another length")
		}
		time := binary.BigEndian.Uint64(raw[4:])
		message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, opened.Text)
		if time > math.MaxInt64 || !ed25519.Verify(w.key, []byte(message), raw[12:]) {
			return 0, errors.New("the cosignature fails")
		}
		times = append(times, time)
	}
	if len(times) == 0 {
		return 0, errors.New("no cosignature by the witness")
	}
	return times[0], nil
}
