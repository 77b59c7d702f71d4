// SPDX-License-Identifier: GPL-2.0-or-later

// usage: lookup NAME
//
// Go's own resolver (netdns=go): all addresses, then a connection by the dialer, which races the families.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	r := &net.Resolver{PreferGo: true}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	found, err := r.LookupHost(ctx, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, a := range found {
		fmt.Println("address", a)
	}
	c, err := (&net.Dialer{Resolver: r}).DialContext(ctx, "tcp", os.Args[1]+":443")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	fmt.Println("connected", host)
}
