// OpenSSL's one-shot EVP set-up costs more than hashing a short identifier, so the low-level SHA-256 state is used,
// copied from one that has already absorbed the key block. It is deprecated, not removed, and is what the
// processor's SHA instructions are behind.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
