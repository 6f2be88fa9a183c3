// What the node says in English is shown in the console's language, and never worse than as it was said.
import assert from "node:assert/strict";
import test from "node:test";

import { alarmText, problemBelow, problemOf, severally, translated, words as errorWords } from "./core/error-words.js";
import { words as nodeWords } from "./core/node-words.js";
import { words as systemWords } from "./core/system-words.js";
import { setLanguage } from "./core/words.js";

const FIELD = { error: "patient.birth_date is in the future: correct the year", field: "patient.birth_date", remedy: "correct the year" };

test("a sentence, with what it names", () => {
  setLanguage("fr");
  assert.equal(translated("there is no exam A1"), "il n’y a pas d’examen A1");
  assert.equal(translated("the probe is not connected"), "la sonde n’est pas connectée");
});

test("a captured text that is one of the sentences is translated too", () => {
  assert.equal(translated("1.2.3 is not released: its exam has no patient yet: identify the exam", "fr"),
    "1.2.3 n’est pas libérée : son examen n’a pas encore de patient : identifiez l’examen");
  assert.equal(translated("this is for the role operator, and vera is viewer", "fr"), "c’est réservé au rôle opérateur, et vera est lecteur");
});

test("the most exact pattern decides", () => {
  assert.equal(translated("give 1 to 7", "fr"), "indiquez 1 à 7");
  assert.equal(translated("give still, clip", "fr"), "indiquez still, clip");
});

test("a field is the subject, but not below itself", () => {
  assert.equal(problemOf(FIELD, "fr"), "la date de naissance est dans le futur");
  assert.equal(problemBelow(FIELD, "fr"), "est dans le futur");
  assert.equal(problemOf({ error: "x is missing", field: "x", remedy: "" }, "fr"), "« x » manque");
});

test("English and what is not known stay as they are", () => {
  assert.equal(problemOf(FIELD, "en"), "patient.birth_date is in the future");
  assert.equal(translated("there is no exam A1", "en"), "there is no exam A1");
  for (const odd of ["", "something new", "give", "{}", "there is no exam "]) assert.equal(translated(odd, "fr"), odd);
});

test("what a stranger wrote is no pattern, and cannot make one", () => {
  assert.equal(translated("there is no exam {exam}$&$1(.*)", "fr"), "il n’y a pas d’examen {exam}$&$1(.*)");
  const nested = "1 is not released: ".repeat(200) + "x";
  assert.ok(translated(nested, "fr").endsWith("x"));
});

const words = { ...errorWords, ...nodeWords, ...systemWords };

test("no sentence stands twice", () => {
  const english = Object.entries(words).filter(([key]) => !key.startsWith("error.field.")).map(([, texts]) => texts.en);
  assert.equal(new Set(english).size, english.length);
});

test("an alarm is told in the console's language, behind its subject", () => {
  const text = "pacs: 3 deliveries are held; `echonode ledger --state held` says why, `echonode release --destination pacs --all` queues them again";
  assert.equal(alarmText({ name: "held:pacs", text }, "fr"),
    "pacs : 3 livraisons sont retenues ; `echonode ledger --state held` dit pourquoi, `echonode release --destination pacs --all` les remet en file");
  assert.equal(alarmText({ name: "held:pacs", text }, "en"), text);
  assert.equal(alarmText({ name: "late:pacs", text: "pacs: the oldest image that is not committed is 30 h old" }, "fr"),
    "pacs : la plus ancienne image qui n’est pas engagée a 30 h");
  assert.equal(alarmText({ name: "new_kind:pacs", text: "pacs: something else" }, "fr"), "pacs : something else");
});

test("several problems are told one by one", () => {
  assert.equal(severally("the thread that delivers has ended: restart the node; unreachable: ORTHANC at pacs:104: the machine answers, and nothing listens on the port (Connection refused)", "fr"),
    "le fil d’exécution qui livre s’est terminé : redémarrez le nœud ; injoignable : ORTHANC at pacs:104 : la machine répond, et rien n’écoute sur ce port (Connection refused)");
  assert.equal(severally("one; two", "en"), "one; two");
});

test("what the system and TLS say is told in words, and the system's own stay behind", () => {
  assert.equal(translated("nothing can be stored: the disk refused a new file: the disk is full (No space left on device). Senders get A700: send later", "fr"),
    "rien ne peut être enregistré : le disque a refusé une opération (un nouveau fichier) : le disque est plein (No space left on device). Les expéditeurs reçoivent A700 : envoyer plus tard");
  assert.equal(translated("no answer, it may have been stored: sending failed: the other side broke off the connection (Connection reset by peer)", "fr"),
    "sans réponse, elle est peut-être enregistrée : échec de l’envoi : l’autre côté a rompu la connexion (Connection reset by peer)");
  assert.equal(alarmText({ name: "unreachable:pacs", text: "pacs: unreachable: ORTHANC at pacs:2762: its certificate has expired. Have a new one issued and installed at its side." }, "fr"),
    "pacs : injoignable : ORTHANC at pacs:2762 : son certificat a expiré. Faites-en émettre un nouveau et installez-le chez elle.");
  assert.equal(translated("this node failed to send it: OSError: the disk or device reports a fault and may be failing (Input/output error), 5 times", "fr"),
    "ce nœud n’a pas pu l’envoyer : OSError : le disque ou l’appareil signale un défaut et risque de tomber en panne (Input/output error), 5 fois");
  assert.equal(translated("pacs: words of nobody", "fr"), "pacs: words of nobody");
});

test("a reason is translated within another", () => {
  assert.equal(translated("not committed: the archive does not have the instance (0112), 4 times", "fr"),
    "pas d’engagement : l’archive n’a pas l’instance (0112), 4 fois");
  assert.equal(translated("HTTP 503: the archive is busy or out of resources", "fr"), "HTTP 503 : l’archive est occupée ou sans ressources");
});
