// The client's half of the interop cases on quic-go's HTTP/3, with WebTransport's framing by hand: its own WebTransport
// library asks for settings that servers of other makes do not send.
//
//	go run . -port PORT -hash HEX -case NAME [-path PATH]
//
// Prints {"status": 200, "digests": {name: SHA-256}}. The cases and what a file holds: ../cases.ts.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"
)

const (
	deadline      = 45 * time.Second
	again         = 300 * time.Millisecond
	streamBidi    = 0x41
	streamUni     = 0x54
	closeCapsule  = 0x2843
	enableDraft02 = 0x2b603742
	maxSessions   = 0xc671706a
	kb            = 1024
)

type result struct {
	Status  any               `json:"status"`
	Digests map[string]string `json:"digests,omitempty"`
}

func filesOf(kind string) map[string]int {
	files := map[string]int{}
	if kind == "datagram" {
		for n := range 200 {
			files[fmt.Sprintf("f%d", n)] = 600 + 2*n
		}
		return files
	}
	for n, size := range []int{100 * kb, 500 * kb, 250 * kb, kb * kb, 2 * kb * kb} {
		files[fmt.Sprintf("f%d", n)] = size
	}
	return files
}

func contentOf(name string, size int) []byte {
	seed := 0
	for _, character := range name {
		seed += int(character) * 7
	}
	content := make([]byte, size)
	for i := range content {
		content[i] = byte(i*31 + (i>>8)*17 + (i >> 16) + seed)
	}
	return content
}

// session is WebTransport over one HTTP/3 connection.
type session struct {
	conn    *quic.Conn
	request *http3.RequestStream
	id      uint64
}

func (s *session) open(kind uint64, data []byte) (*quic.Stream, error) {
	head := quicvarint.Append(quicvarint.Append(nil, kind), s.id)
	if kind == streamUni {
		stream, err := s.conn.OpenUniStreamSync(context.Background())
		if err != nil {
			return nil, err
		}
		return nil, errors.Join(write(stream, head, data), stream.Close())
	}
	stream, err := s.conn.OpenStreamSync(context.Background())
	if err != nil {
		return nil, err
	}
	return stream, errors.Join(write(stream, head, data), stream.Close())
}

func write(stream io.Writer, parts ...[]byte) error {
	for _, part := range parts {
		if _, err := stream.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// closeSession sends the capsule and waits until the relay has ended its half.
func (s *session) closeSession(ctx context.Context) {
	body := make([]byte, 4)
	capsule := quicvarint.Append(quicvarint.Append(nil, closeCapsule), uint64(len(body)))
	_, _ = s.request.Write(append(capsule, body...))
	_ = s.request.Close()
	s.waitEnd(ctx)
}

func (s *session) waitEnd(ctx context.Context) {
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, s.request)
		close(ended)
	}()
	select {
	case <-ended:
	case <-s.conn.Context().Done():
	case <-ctx.Done():
	}
}

// head reads a stream's type and session id; false: it is not one of WebTransport's.
func head(stream io.Reader, kind uint64) bool {
	reader := quicvarint.NewReader(stream)
	found, err := quicvarint.Read(reader)
	if err != nil || found != kind {
		return false
	}
	_, err = quicvarint.Read(reader)
	return err == nil
}

func dial(ctx context.Context, port int, path, hash string) (*session, any) {
	check := func(state tls.ConnectionState) error {
		sum := sha256.Sum256(state.PeerCertificates[0].Raw)
		if hex.EncodeToString(sum[:]) != hash {
			return errors.New("the certificate is not the pinned one")
		}
		return nil
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	conn, err := quic.DialAddr(ctx, address,
		&tls.Config{NextProtos: []string{http3.NextProtoH3}, InsecureSkipVerify: true, VerifyConnection: check},
		&quic.Config{EnableDatagrams: true, MaxIncomingStreams: 100, MaxIncomingUniStreams: 100})
	if err != nil {
		return nil, err.Error()
	}
	transport := http3.Transport{EnableDatagrams: true, AdditionalSettings: map[uint64]uint64{enableDraft02: 1, maxSessions: 1}}
	client := transport.NewRawClientConn(conn)
	s := &session{conn: conn}
	go s.accept(client)
	request, err := client.OpenRequestStream(ctx)
	if err != nil {
		return nil, err.Error()
	}
	err = request.SendRequestHeader(&http.Request{
		Method: http.MethodConnect,
		Proto:  "webtransport",
		Host:   address,
		URL:    &url.URL{Scheme: "https", Host: address, Path: path},
		Header: http.Header{},
	})
	if err != nil {
		return nil, err.Error()
	}
	response, err := request.ReadResponse()
	if err != nil {
		return nil, err.Error()
	}
	s.request, s.id = request, uint64(request.StreamID())
	return s, response.StatusCode
}

// What the peer opens, until somebody asks: streams may come before the answer to CONNECT.
var unidirectional = make(chan *quic.ReceiveStream, 100)
var bidirectional = make(chan *quic.Stream, 100)

func (s *session) accept(client *http3.RawClientConn) {
	go func() {
		for {
			stream, err := s.conn.AcceptStream(context.Background())
			if err != nil {
				return
			}
			bidirectional <- stream
		}
	}()
	for {
		stream, err := s.conn.AcceptUniStream(context.Background())
		if err != nil {
			return
		}
		go func() {
			// 0x54 takes two bytes as a varint, HTTP/3's own types one.
			peeked := make([]byte, 1)
			if _, err := stream.Peek(peeked); err == nil && peeked[0] == 0x40 {
				unidirectional <- stream
			} else {
				client.HandleUnidirectionalStream(stream)
			}
		}()
	}
}

type digests struct {
	sync.Mutex
	byName map[string]string
}

func (d *digests) came(name string, content []byte) {
	sum := sha256.Sum256(content)
	d.Lock()
	defer d.Unlock()
	d.byName[name] = hex.EncodeToString(sum[:])
}

func (d *digests) has(name string) bool {
	d.Lock()
	defer d.Unlock()
	return d.byName[name] != ""
}

func (d *digests) pushed(data []byte) {
	before, content, found := bytes.Cut(data, []byte("\n"))
	if name, ok := strings.CutPrefix(string(before), "PUSH "); ok && found {
		d.came(name, content)
	}
}

func (s *session) receive(ctx context.Context, kind string) map[string]string {
	files, got := filesOf(kind), &digests{byName: map[string]string{}}
	switch kind {
	case "bidirectional":
		var all sync.WaitGroup
		for name := range files {
			all.Go(func() {
				stream, err := s.open(streamBidi, []byte("GET "+name))
				if err != nil {
					return
				}
				if content, err := io.ReadAll(stream); err == nil {
					got.came(name, content)
				}
			})
		}
		all.Wait()
	case "unidirectional":
		for name := range files {
			if _, err := s.open(streamUni, []byte("GET "+name)); err != nil {
				log.Println(err)
			}
		}
		// All at once: unread streams fill the window of the connection.
		var all sync.WaitGroup
		for range files {
			select {
			case stream := <-unidirectional:
				all.Go(func() {
					if data, err := readUni(stream); err == nil {
						got.pushed(data)
					}
				})
			case <-ctx.Done():
			}
		}
		all.Wait()
	case "datagram":
		go func() {
			for {
				data, err := s.request.ReceiveDatagram(ctx)
				if err != nil {
					return
				}
				got.pushed(data)
			}
		}()
		for ctx.Err() == nil && len(files) > 0 {
			for name := range files {
				if got.has(name) {
					delete(files, name)
					continue
				}
				_ = s.request.SendDatagram([]byte("GET " + name))
				time.Sleep(500 * time.Microsecond)
			}
			time.Sleep(again)
		}
	}
	s.closeSession(ctx)
	got.Lock()
	defer got.Unlock()
	return got.byName
}

func readUni(stream *quic.ReceiveStream) ([]byte, error) {
	if !head(stream, streamUni) {
		return nil, errors.New("no stream of WebTransport")
	}
	return io.ReadAll(stream)
}

func (s *session) send(ctx context.Context, kind string) {
	files := filesOf(kind)
	wanted := func(data []byte) (string, bool) {
		name, ok := strings.CutPrefix(string(data), "GET ")
		return name, ok && files[name] > 0
	}
	push := func(name string) []byte {
		return append([]byte("PUSH "+name+"\n"), contentOf(name, files[name])...)
	}
	go func() {
		for stream := range bidirectional {
			go func() {
				if !head(stream, streamBidi) {
					return
				}
				data, err := io.ReadAll(stream)
				if name, ok := wanted(data); ok && err == nil {
					_ = write(stream, contentOf(name, files[name]))
					_ = stream.Close()
				}
			}()
		}
	}()
	go func() {
		for stream := range unidirectional {
			go func() {
				data, err := readUni(stream)
				if name, ok := wanted(data); ok && err == nil {
					_, _ = s.open(streamUni, push(name))
				}
			}()
		}
	}()
	if kind == "datagram" {
		go func() {
			for {
				data, err := s.request.ReceiveDatagram(ctx)
				if err != nil {
					return
				}
				if name, ok := wanted(data); ok {
					_ = s.request.SendDatagram(push(name))
				}
			}
		}()
	}
	s.waitEnd(ctx)
}

func run() result {
	port, path := flag.Int("port", 0, ""), flag.String("path", "/interop", "")
	hash, name := flag.String("hash", "", ""), flag.String("case", "", "")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	s, status := dial(ctx, *port, *path, *hash)
	if status != 200 {
		return result{Status: status}
	}
	defer func() { _ = s.conn.CloseWithError(0x100, "") }()
	parts := strings.Split(*name, "-")
	switch {
	case len(parts) < 3:
		s.closeSession(ctx)
	case parts[2] == "receive":
		return result{Status: status, Digests: s.receive(ctx, parts[1])}
	default:
		s.send(ctx, parts[1])
	}
	return result{Status: status, Digests: map[string]string{}}
}

func main() {
	if err := json.NewEncoder(os.Stdout).Encode(run()); err != nil {
		log.Fatal(err)
	}
}
