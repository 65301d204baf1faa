// Verifies one webhook: SECRET ID TIMESTAMP SIGNATURE NOW, with the raw body on standard input.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"os"
	"strconv"
	"strings"
)

const tolerance = 300

func genuine(secret, id, timestamp, signatures string, body []byte, now int64) bool {
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now-at > tolerance || at-now > tolerance {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	wanted := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, given := range strings.Split(signatures, " ") {
		if hmac.Equal([]byte(given), wanted) {
			return true
		}
	}
	return false
}

func main() {
	body, err := io.ReadAll(os.Stdin)
	now, _ := strconv.ParseInt(os.Args[5], 10, 64)
	if err != nil || !genuine(os.Args[1], os.Args[2], os.Args[3], os.Args[4], body, now) {
		os.Exit(1)
	}
}
