# The tools: base64url, the key's id (RFC 7638), an Ed25519 signature, a signed request (RFC 9421).
TMP=$(mktemp -d); trap 'rm -rf "$TMP"' EXIT
b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
use() {
  KEY=$1
  X=$(openssl pkey -in "$KEY" -pubout -outform DER | tail -c 32 | b64url)
  KID=$(printf '{"crv":"Ed25519","kty":"OKP","x":"%s"}' "$X" | openssl dgst -sha256 -binary | b64url)
}
sign() { cat > "$TMP/text"; openssl pkeyutl -sign -rawin -inkey "$KEY" -in "$TMP/text"; }
call() {
  local method=$1 url=$2 body=${3:-} covered='"@method" "@target-uri"' digest='' with=() params signature
  if [ -n "$body" ]; then
    digest="sha-256=:$(openssl dgst -sha256 -binary "$body" | openssl base64 -A):"
    covered="$covered \"content-digest\""
    with=(-H "Content-Type: application/json" -H "Content-Digest: $digest" --data-binary "@$body")
  fi
  params="($covered);created=$(date +%s);nonce=\"$(openssl rand -hex 16)\""
  params="$params;keyid=\"$KID\";alg=\"ed25519\";tag=\"exchange\""
  signature=$({
    printf '"@method": %s\n"@target-uri": %s\n' "$method" "$url"
    if [ -n "$digest" ]; then printf '"content-digest": %s\n' "$digest"; fi
    printf '"@signature-params": %s' "$params"
  } | sign | openssl base64 -A)
  curl -sS --fail-with-body -X "$method" "$url" "${with[@]}" \
    -H "Signature-Input: sig1=$params" -H "Signature: sig1=:$signature:"
}

# A record: its payload, signed as a JWS (RFC 7515) by the sender's system.
use "$SENDER_KEY"
R=$(openssl rand -hex 10)
T=$(printf '%012x' $(($(date +%s) * 1000)))
ID=${T:0:8}-${T:8:4}-7${R:0:3}-8${R:3:3}-${R:6:12}
PAYLOAD=$(cat <<JSON
{"id":"$ID","kind":"mediation_case","version":1,"revision":1,"previous":null,"from":"$SENDER","to":["$RECIPIENT"],
"issued_at":"$(date -u +%Y-%m-%dT%H:%M:%SZ)","expires_at":null,"marking":"amber","agreement":"$AGREEMENT",
"subject":null,"withdrawn":null,"salt":"$(openssl rand 16 | b64url)","sealed":null,
"body":{"case_number":"(2026)府麻调字第12号","dispute_type":"grassland","source":"party_application",
"level":"township","division":"610822","accepted_at":"2026-11-02T09:00:00+08:00","state":"registered",
"lead":"府谷县麻镇人民调解委员会"}}
JSON
)
HEADER=$(printf '{"alg":"Ed25519","kid":"%s","typ":"record+jws"}' "$KID" | b64url)
BODY=$(printf '%s' "$PAYLOAD" | b64url)
JWS=$HEADER.$BODY.$(printf '%s' "$HEADER.$BODY" | sign | b64url)

# Push it. The answer names its place in the log.
printf '{"records":["%s"]}' "$JWS" > "$TMP/push.json"
call POST "$NODE/v1/records" "$TMP/push.json" > "$TMP/pushed.json"; cat "$TMP/pushed.json"; echo
INDEX=$(sed 's/.*"index":\([0-9]*\).*/\1/' "$TMP/pushed.json")

# Pull as the recipient from that place on, then fetch the receipt. A real client begins with after=-1, keeps the
# "next" of each answer and asks with it the next time.
use "$RECIPIENT_KEY"
call GET "$NODE/v1/records?after=$((INDEX - 1))&limit=10"; echo
call GET "$NODE/v1/records/$ID/proof" > receipt.tlog-proof
printf '%s' "$JWS" > record.jws
