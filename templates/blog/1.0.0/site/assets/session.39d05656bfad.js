// Who is signed in. The tokens are in this tab's session storage and nowhere else: closing it forgets them.

import { config } from "./api.11d96392a82e.js";
import { begin, hex, prove } from "./srp.10cd8b57b28e.js";

const KEY = "session";
const NEARLY = 60_000; // milliseconds before its end in which a token is renewed

/** A new password is wanted before anybody is in: `answer(password)` goes on. */
export class NewPassword {
  constructor(answer) {
    this.answer = answer;
  }
}

/** Signs in by SRP. Gives a NewPassword when that is what Cognito asks for. */
export async function signIn(username, password) {
  const { userPoolId, userPoolClientId: ClientId } = await config();
  const secret = begin();
  const AuthParameters = { USERNAME: username, SRP_A: hex(secret.A) };
  const asked = await cognito("InitiateAuth", { AuthFlow: "USER_SRP_AUTH", ClientId, AuthParameters });
  if (asked.ChallengeName !== "PASSWORD_VERIFIER") return challenged(asked, username);
  const parameters = asked.ChallengeParameters;
  const ChallengeResponses = await prove(secret, parameters, userPoolId, password);
  const answer = await respond("PASSWORD_VERIFIER", asked.Session, ChallengeResponses);
  return challenged(answer, parameters.USER_ID_FOR_SRP);
}

async function challenged(answer, username) {
  if (answer.AuthenticationResult) return keep(answer.AuthenticationResult);
  if (answer.ChallengeName !== "NEW_PASSWORD_REQUIRED") {
    throw new Error(`The sign-in asks for ${answer.ChallengeName}, which this page cannot answer.`);
  }
  return new NewPassword(async (password) => {
    const given = { USERNAME: username, NEW_PASSWORD: password };
    return challenged(await respond("NEW_PASSWORD_REQUIRED", answer.Session, given), username);
  });
}

async function respond(ChallengeName, Session, ChallengeResponses) {
  const { userPoolClientId: ClientId } = await config();
  return cognito("RespondToAuthChallenge", { ChallengeName, ClientId, Session, ChallengeResponses });
}

function keep({ IdToken, RefreshToken = stored()?.RefreshToken, ExpiresIn }) {
  const ends = Date.now() + ExpiresIn * 1000;
  sessionStorage.setItem(KEY, JSON.stringify({ IdToken, RefreshToken, ends }));
}

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

export const isSignedIn = () => stored() !== null;

/** The ID token, renewed when it ends; undefined when nobody is signed in. */
export async function token() {
  const session = stored();
  if (!session) return undefined;
  if (Date.now() < session.ends - NEARLY) return session.IdToken;
  const { userPoolClientId: ClientId } = await config();
  const AuthParameters = { REFRESH_TOKEN: session.RefreshToken };
  try {
    const answer = await cognito("InitiateAuth", { AuthFlow: "REFRESH_TOKEN_AUTH", ClientId, AuthParameters });
    keep(answer.AuthenticationResult);
  } catch (error) {
    if (!error.code) throw error; // no answer is no refusal
    forget();
  }
  return stored()?.IdToken;
}

/** The token, or an error that says so. */
export async function needToken() {
  const mine = await token();
  if (!mine) throw new Error("You are not signed in any more: sign in again. What you wrote is kept in this tab.");
  return mine;
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

/** Signs out: this tab forgets, and Cognito takes the right to renew away. */
export async function signOut() {
  const session = stored();
  forget();
  if (!session?.RefreshToken) return;
  const { userPoolClientId: ClientId } = await config();
  await cognito("RevokeToken", { Token: session.RefreshToken, ClientId });
}

async function cognito(operation, body) {
  const { cognito: endpoint } = await config();
  let answer, value;
  try {
    answer = await fetch(endpoint, {
      method: "POST",
      headers: {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": `AWSCognitoIdentityProviderService.${operation}`,
      },
      body: JSON.stringify(body),
    });
    value = JSON.parse((await answer.text()) || "{}");
  } catch {
    throw new Error("The sign-in service did not answer. Try again.");
  }
  if (answer.ok) return value;
  const error = new Error(value.message || value.Message || `The sign-in service answered ${answer.status}.`);
  error.code = value.__type || String(answer.status);
  throw error;
}
