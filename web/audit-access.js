// The auditor's token: pasted, or brought along in the address, and forgotten when the tab closes.

import { byId, setText } from "./dom.js";

const KEY = "fullhouse:auditor";

/** Taken out of the address at once: it must not end up in a bookmark or in a picture of the screen. @returns {string} */
export function takeToken() {
  const brought = new URLSearchParams(location.hash.slice(1)).get("token");
  if (brought) {
    keepToken(brought);
    history.replaceState(null, "", location.pathname + location.search);
    return brought;
  }
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} token Nothing, to sign out. */
export function keepToken(token) {
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage is forbidden: then the token lasts until the page is left.
  }
}

/** @param {string} trouble Why the last token did not do, if there was one. @param {(token: string) => void} onToken */
export function askForToken(trouble, onToken) {
  const field = /** @type {HTMLInputElement} */ (byId("token"));
  byId("loading").hidden = true;
  byId("sign-in").hidden = false;
  byId("sign-in-trouble").hidden = trouble === "";
  setText(byId("sign-in-trouble"), trouble);
  byId("sign-in").onsubmit = (event) => {
    event.preventDefault();
    const token = field.value.trim();
    if (token === "") return;
    keepToken(token);
    field.value = "";
    byId("sign-in").hidden = true;
    onToken(token);
  };
  field.focus();
}

/** @param {number} status @param {string} detail @returns {string} */
export function explainRefusal(status, detail) {
  if (status === 401) return "This token is not valid here, or it has run out.";
  if (status === 403) return "This token is valid, but it is not an auditor's.";
  return detail || `The server answered with status ${status}.`;
}
