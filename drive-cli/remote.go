package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/simd-drive/go/drive-ws-client"
)

// remoteStore is a drive behind an address.
type remoteStore struct{ client *driveclient.Client }

// openRemote connects to a server.
func openRemote(ctx context.Context, address string, flags remoteFlags, logger *slog.Logger) (target, error) {
	if flags.Timeout <= 0 {
		return nil, usagef("--timeout must be longer than nothing")
	}
	config, err := flags.tls()
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if flags.Token != "" {
		header.Set("Authorization", "Bearer "+flags.Token)
	}
	dialing, cancel := context.WithTimeout(ctx, flags.Timeout)
	defer cancel()
	client, err := driveclient.Dial(dialing, address, driveclient.Options{Protocol: flags.Protocol, Header: header, TLS: config, Logger: logger})
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: no connection within %v", quoted(address), flags.Timeout)
	case errors.Is(err, driveclient.ErrNoAnswer):
		return nil, fmt.Errorf("%s: %w; try --protocol original21", quoted(address), err)
	default:
		return nil, err // it names the address
	}
	return &remoteStore{client}, nil
}

// tls returns what the flags ask for, nil for the defaults.
func (f remoteFlags) tls() (*tls.Config, error) {
	if f.CA == "" && f.Cert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pem, err := os.ReadFile(string(f.CA))
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: no certificate in it", quoted(string(f.CA)))
		}
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(string(f.Cert), string(f.CertKey))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
