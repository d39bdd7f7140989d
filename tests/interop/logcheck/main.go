// Command logcheck judges a log of this project by Go's own implementations.
//
//	logcheck <checkpoint file> <log verifier key> <entries file> [<witness verifier key>]
//
// It opens the checkpoint with sumdb/note, hashes every entry into a tree with sumdb/tlog, and compares size
// and root; with a witness key it checks the witness's cosignature (C2SP tlog-cosignature, type 04) as well.
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
	if len(args) != 3 && len(args) != 4 {
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
	if len(args) == 4 {
		if err := checkCosignature(opened, args[3]); err != nil {
			return err
		}
	}
	fmt.Printf("ok %s %d %v\n", lines[0], size, root)
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

// checkCosignature looks for the witness's line among those that sumdb/note passed over.
func checkCosignature(opened *note.Note, witness string) error {
	parts := strings.SplitN(witness, "+", 3)
	if len(parts) != 3 {
		return errors.New("a verifier key is name+id+key")
	}
	material, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(material) != 1+ed25519.PublicKeySize || material[0] != cosignatureType {
		return errors.New("the witness key is not of type 04")
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
	if fmt.Sprintf("%x", id[:4]) != parts[1] {
		return errors.New("the id of the witness key does not fit it")
	}
	for _, line := range opened.UnverifiedSigs {
		if line.Name != parts[0] || line.Hash != binary.BigEndian.Uint32(id[:4]) {
			continue
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(line.Base64)
		if err != nil || len(raw) != 4+8+ed25519.SignatureSize {
			return errors.New("the cosignature has another length")
		}
		time := binary.BigEndian.Uint64(raw[4:])
		message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, opened.Text)
		if !ed25519.Verify(material[1:], []byte(message), raw[12:]) {
			return errors.New("the cosignature fails")
		}
		return nil
	}
	return errors.New("no cosignature by the witness")
}
