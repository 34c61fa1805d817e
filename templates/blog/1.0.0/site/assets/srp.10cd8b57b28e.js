// The Secure Remote Password protocol as Cognito speaks it: the password is proved, and never sent.
// https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-authentication-flow-methods.html
// https://www.rfc-editor.org/rfc/rfc5054 (the group of 3,072 bits, with generator 2)

const N = BigInt(
  "0x" +
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
);
const g = 2n;
const text = new TextEncoder();

/** A new secret of the client, and what of it Cognito is told. */
export function begin() {
  const a = number(crypto.getRandomValues(new Uint8Array(128))) % N;
  return { a, A: power(g, a) };
}

/** The answer to a PASSWORD_VERIFIER challenge. */
export async function prove({ a, A }, { SALT, SRP_B, SECRET_BLOCK, USER_ID_FOR_SRP }, pool, password, now = new Date()) {
  const B = BigInt(`0x${SRP_B}`);
  if (B % N === 0n) throw new Error("The server's answer is no proof of anything.");
  const u = number(await sha256(bytes(A), bytes(B)));
  if (u === 0n) throw new Error("The server's answer is no proof of anything.");
  const poolName = pool.split("_")[1];
  const identity = await sha256(text.encode(`${poolName}${USER_ID_FOR_SRP}:${password}`));
  const x = number(await sha256(bytes(BigInt(`0x${SALT}`)), identity));
  const k = number(await sha256(bytes(N), bytes(g)));
  const base = (((B - k * power(g, x)) % N) + N) % N;
  const key = await derived(bytes(power(base, a + u * x)), bytes(u));
  const block = Uint8Array.from(atob(SECRET_BLOCK), (one) => one.charCodeAt(0));
  const moment = timestamp(now);
  const message = joined(text.encode(poolName + USER_ID_FOR_SRP), block, text.encode(moment));
  const signature = new Uint8Array(await crypto.subtle.sign("HMAC", key, message));
  return {
    USERNAME: USER_ID_FOR_SRP,
    PASSWORD_CLAIM_SECRET_BLOCK: SECRET_BLOCK,
    PASSWORD_CLAIM_SIGNATURE: btoa(String.fromCharCode(...signature)),
    TIMESTAMP: moment,
  };
}

async function derived(secret, salt) {
  const whole = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt, info: text.encode("Caldera Derived Key") };
  const bits = await crypto.subtle.deriveBits(how, whole, 128);
  return crypto.subtle.importKey("raw", bits, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/** As Cognito wants it: "Wed Nov 4 09:05:00 UTC 2026". */
function timestamp(now) {
  const [weekday, date, month, year, clock] = now.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${Number(date)} ${clock} UTC ${year}`;
}

function power(base, exponent) {
  let result = 1n;
  for (base %= N; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % N;
    base = (base * base) % N;
  }
  return result;
}

/** The bytes of a number, with a zero in front of a leading bit, as Java writes a positive one. */
function bytes(value) {
  let hex = value.toString(16);
  if (hex.length % 2) hex = `0${hex}`;
  if (/^[89a-f]/.test(hex)) hex = `00${hex}`;
  return Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
}

function number(some) {
  return BigInt(`0x${Array.from(some, (one) => one.toString(16).padStart(2, "0")).join("")}`);
}

async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}

function joined(...parts) {
  return new Uint8Array(parts.flatMap((part) => Array.from(part)));
}

/** What goes to Cognito as SRP_A. */
export const hex = (value) => value.toString(16);
