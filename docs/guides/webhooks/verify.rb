# Verifies one webhook: SECRET ID TIMESTAMP SIGNATURE NOW, with the raw body on standard input.
require "openssl"

TOLERANCE = 300

def genuine?(secret, id, timestamp, signatures, body, now)
  return false unless timestamp.match?(/\A[0-9]+\z/) && (now - timestamp.to_i).abs <= TOLERANCE
  key = secret.delete_prefix("whsec_").unpack1("m")
  digest = OpenSSL::HMAC.digest("SHA256", key, "#{id}.#{timestamp}.".b + body)
  wanted = "v1,#{[digest].pack("m0")}"
  signatures.split(" ").any? { |given| OpenSSL.secure_compare(given, wanted) }
end

secret, id, timestamp, signatures, now = ARGV
exit(genuine?(secret, id, timestamp, signatures, $stdin.binmode.read, now.to_i) ? 0 : 1)
