// What the node says is wrong, in the language of the console. Pure.
//
// Rules
// - The node answers in English; its sentences are known here by their pattern, {name} being any text.
//   A test collects those that the API raises, and fails where one has no pattern.
// - A captured text is translated too where it is itself one of these (a state, a reason); every other,
//   such as the name of an archive, stays as it is.
// - What is not known stays English: words that are understood late are better than none.
// - What it says of alarms, archives and held images is in node-words.js, of the system and TLS in system-words.js.
// - "ORTHANC at 10.0.0.9:104: WHY": what stands before a known sentence names where, and stays as it is.
// - error.field.NAME is a field with its article, as subject of what is wrong with it.
import { languageNow } from "./words.js";
import { words as nodeWords } from "./node-words.js";
import { words as systemWords } from "./system-words.js";

export const words = {
  // Sessions and users.
  "error.no_user": { en: "this node has no user yet, so beyond its own machine it serves its set-up page alone", fr: "ce nœud n’a pas encore d’utilisateur : hors de sa propre machine il ne sert que sa page d’installation" },
  "error.no_user.do": { en: "open the page and make the first user with the set-up code from the log, or by `echonode user add`", fr: "ouvrez la page et créez le premier utilisateur avec le code d’installation du journal, ou par `echonode user add`" },
  "error.log_in": { en: "not logged in, or the log-in has ended", fr: "vous n’êtes pas connecté, ou la session est terminée" },
  "error.log_in.do": { en: "log in; a program sends `Authorization: Bearer TOKEN` of a service user", fr: "connectez-vous ; un programme envoie `Authorization: Bearer TOKEN` d’un utilisateur de service" },
  "error.token": { en: "the token is not valid (any more)", fr: "le jeton n’est pas ou plus valable" },
  "error.token.do": { en: "make another one by `echonode user token NAME`", fr: "créez-en un autre par `echonode user token NAME`" },
  "error.locked": { en: "the session is locked", fr: "la session est verrouillée" },
  "error.locked.do": { en: "give the PIN or the password", fr: "saisissez le code PIN ou le mot de passe" },
  "error.csrf": { en: "the request does not come from a page of this node", fr: "la demande ne vient pas d’une page de ce nœud" },
  "error.csrf.do": { en: "load the page again", fr: "rechargez la page" },
  "error.role": { en: "this is for the role {needed}, and {name} is {role}", fr: "c’est réservé au rôle {needed}, et {name} est {role}" },
  "error.role.do": { en: "ask an administrator to do it, or for the role", fr: "demandez à un administrateur de le faire, ou de vous donner ce rôle" },
  "error.role.viewer": { en: "viewer", fr: "lecteur" },
  "error.role.operator": { en: "operator", fr: "opérateur" },
  "error.role.administrator": { en: "administrator", fr: "administrateur" },
  "error.caller_unknown": { en: "who is asking cannot be looked up: the database cannot be read", fr: "l’auteur de la demande ne peut pas être vérifié : la base de données est illisible" },
  "error.caller_unknown.do": { en: "see the alarms at /health/ready", fr: "consultez les alarmes à /health/ready" },
  "error.set_up_over": { en: "there is a user already, so the set-up is over: log in", fr: "il y a déjà un utilisateur, l’installation est donc terminée : connectez-vous" },
  "error.set_up_code": { en: "the set-up code is not right", fr: "le code d’installation n’est pas le bon" },
  "error.set_up_code.do": { en: "read it again: it is in the log (setup_code), and `echonode user setup-code` shows it", fr: "relisez-le : il est dans le journal (setup_code), et `echonode user setup-code` l’affiche" },
  "error.login": { en: "the name or the password is wrong", fr: "le nom ou le mot de passe est faux" },
  "error.login.do": { en: "try again, or have an administrator set a new password", fr: "réessayez, ou faites donner un nouveau mot de passe par un administrateur" },
  "error.pin_often": { en: "the PIN was wrong too often", fr: "le code PIN a été faux trop souvent" },
  "error.pin_often.do": { en: "give the password", fr: "saisissez le mot de passe" },
  "error.pin": { en: "the PIN is wrong", fr: "le code PIN est faux" },
  "error.pin.do": { en: "try again, or give the password", fr: "réessayez, ou saisissez le mot de passe" },
  "error.often": { en: "tried too often: the next try is in {seconds} s", fr: "trop d’essais : prochain essai dans {seconds} s" },
  "error.often.do": { en: "wait, then try again", fr: "attendez, puis réessayez" },
  "error.busy_log_ins": { en: "too many log-ins at this moment", fr: "trop de connexions en ce moment" },
  "error.busy_log_ins.do": { en: "try again soon", fr: "réessayez bientôt" },
  "error.no_session": { en: "this is of a session in a browser, and there is none here", fr: "cela concerne une session de navigateur, et il n’y en a pas ici" },
  "error.user_name": { en: "is not a user's name", fr: "n’est pas un nom d’utilisateur" },
  "error.user_name.do": { en: "use 1 to 32 small letters, digits, `.`, `_` or `-`, a letter or digit first", fr: "utilisez 1 à 32 minuscules, chiffres, `.`, `_` ou `-`, en commençant par une lettre ou un chiffre" },
  "error.too_short": { en: "is too short", fr: "est trop court" },
  "error.password_short.do": { en: "use at least {count} characters, such as four words", fr: "utilisez au moins {count} caractères, par exemple quatre mots" },
  "error.password_long.do": { en: "use at most {count} characters", fr: "utilisez au plus {count} caractères" },
  "error.password_name": { en: "is the user's name", fr: "est le nom de l’utilisateur" },
  "error.password_name.do": { en: "use something else", fr: "choisissez autre chose" },
  "error.password_repeats": { en: "repeats a few characters", fr: "répète quelques caractères" },
  "error.password_repeats.do": { en: "use several words", fr: "utilisez plusieurs mots" },
  "error.pin_form": { en: "is not a PIN", fr: "n’est pas un code PIN" },
  "error.pin_form.do": { en: "use four to eight digits", fr: "utilisez quatre à huit chiffres" },
  "error.pin_row": { en: "is a row of digits", fr: "est une suite de chiffres" },
  "error.pin_row.do": { en: "use digits that are hard to guess", fr: "utilisez des chiffres difficiles à deviner" },
  "error.service_password": { en: "is of no use to a service", fr: "ne sert à rien pour un service" },
  "error.no_such_user": { en: "no user has that name", fr: "aucun utilisateur n’a ce nom" },
  "error.user_known": { en: "there is a user {name} already", fr: "il y a déjà un utilisateur {name}" },
  "error.only_administrator": { en: "{name} is the only administrator who can log in: make another one first", fr: "{name} est le seul administrateur qui peut se connecter : créez-en d’abord un autre" },
  "error.many_users": { en: "there are {count} users already: remove one first", fr: "il y a déjà {count} utilisateurs : supprimez-en d’abord un" },
  "error.service_role": { en: "a service has a token and no password, so it takes no other role, and no other user its role: add a user of its own", fr: "un service a un jeton et pas de mot de passe : il ne change pas de rôle, et aucun autre utilisateur ne prend le sien ; ajoutez un utilisateur propre" },
  "error.is_service": { en: "{name} is a service, which has a token and no password", fr: "{name} est un service, qui a un jeton et pas de mot de passe" },
  "error.no_service": { en: "{name} is no service, and only services have tokens", fr: "{name} n’est pas un service, et seuls les services ont des jetons" },
  "error.is_no_role": { en: "is not a role", fr: "n’est pas un rôle" },
  "error.change_user.do": { en: "give role, password or disabled", fr: "indiquez role, password ou disabled" },

  // Copies that leave.
  "error.copies.busy": { en: "{count} exports are being made already: try again once one has ended", fr: "{count} exports sont déjà en cours : réessayez quand l’un d’eux sera terminé" },
  "error.copies.waits": { en: "its exam has no patient yet, so nothing of it leaves the node: identify the exam first", fr: "son examen n’a pas encore de patient, rien n’en quitte donc le nœud : identifiez d’abord l’examen" },
  "error.copies.missing": { en: "the store has no {keyword} {uid}", fr: "rien ici n’a le {keyword} {uid}" },
  "error.copies.look": { en: "a person must look at {count} of its images first", fr: "une personne doit d’abord regarder {count} de ses images" },
  "error.copies.nothing": { en: "there is no such copy of {uid}: {reason}", fr: "il n’y a pas de telle copie de {uid} : {reason}" },
  "error.copies.format": { en: "there is no format `{name}` here: give one of {known}", fr: "il n’y a pas de format `{name}` ici : indiquez l’un de {known}" },
  "error.copies.profile": { en: "there is no profile `{name}` under `anonymise`: give one of {known}", fr: "il n’y a pas de profil `{name}` sous `anonymise` : indiquez l’un de {known}" },
  "error.copies.demanded": { en: "research.anonymise demands the profile `{name}` of such copies", fr: "research.anonymise exige le profil `{name}` pour de telles copies" },
  "error.copies.not_here": { en: "the image {uid} is not here", fr: "l’image {uid} n’est pas ici" },
  "error.copies.key_missing": { en: "pseudonyms.key is not in data_dir, and earlier anonymised copies were made with a key: restore it from a backup, or copy it from the node that has it", fr: "pseudonyms.key n’est pas dans data_dir, et des copies anonymisées ont été faites avec une clé : restaurez-la d’une sauvegarde, ou copiez-la du nœud qui l’a" },
  "error.copies.key_other": { en: "pseudonyms.key in data_dir is another key, and earlier anonymised copies were made with a key: restore it from a backup, or copy it from the node that has it", fr: "pseudonyms.key dans data_dir est une autre clé, et des copies anonymisées ont été faites avec une clé : restaurez-la d’une sauvegarde, ou copiez-la du nœud qui l’a" },
  "error.copies.profile_long": { en: "is no profile", fr: "n’est pas un profil" },
  "error.copies.profile_long.do": { en: "give `basic` or one of the configuration", fr: "indiquez `basic` ou l’un de ceux de la configuration" },
  // Exams.
  "error.no_exam": { en: "there is no exam {exam}", fr: "il n’y a pas d’examen {exam}" },
  "error.no_such_exam": { en: "there is no such exam", fr: "cet examen n’existe pas" },
  "error.probe_has_exam": { en: "the probe {probe} has the exam {exam}: end it", fr: "la sonde {probe} a déjà l’examen {exam} : terminez-le" },
  "error.probe_has_open_exam": { en: "the probe {probe} has the open exam {exam}: end it first", fr: "la sonde {probe} a l’examen ouvert {exam} : terminez-le d’abord" },
  "error.opened_by_no_one": { en: "no person opened {exam}: open an exam instead", fr: "personne n’a ouvert {exam} : ouvrez plutôt un examen" },
  "error.exam_ended": { en: "the exam {exam} has ended", fr: "l’examen {exam} est terminé" },
  "error.not_on_request": { en: "nothing of {probe} can be captured on request", fr: "rien de {probe} ne peut être capturé sur demande" },
  "error.no_probe": { en: "there is no probe `{probe}`; configured: {known}", fr: "il n’y a pas de sonde `{probe}` ; configurées : {known}" },
  "error.no_item": { en: "the worklist has no item {item}", fr: "la liste de travail n’a pas d’élément {item}" },
  "error.has_patient": { en: "the exam {exam} has its patient already: end it and correct it", fr: "l’examen {exam} a déjà son patient : terminez-le et corrigez-le" },
  "error.went_out": { en: "images of {exam} went out without a patient (exam.deliver_unidentified): end it and correct it", fr: "des images de {exam} sont parties sans patient (exam.deliver_unidentified) : terminez-le et corrigez-le" },
  "error.doubtful": { en: "the worklist has patients that may be meant: choose an item of it, or confirm", fr: "la liste de travail a des patients qui peuvent être le bon : choisissez-en un élément, ou confirmez" },
  "error.doubtful.do": { en: "send worklist_item, or the patient again with confirmed: true", fr: "choisissez l’élément de la liste, ou confirmez le patient saisi" },
  "error.exam_transition": { en: "an exam that is {state} cannot take {event}", fr: "un examen à l’état « {state} » n’accepte pas l’événement « {event} »" },
  "error.nothing_sent": { en: "nothing of {exam} was sent: identify it instead", fr: "rien de {exam} n’a été envoyé : identifiez-le plutôt" },
  "error.not_rejectable": { en: "not all of these are instances of {exam} that can be rejected", fr: "toutes ne sont pas des instances de {exam} qui peuvent être rejetées" },
  "error.none_rejectable": { en: "{exam} has no instance that could be rejected", fr: "{exam} n’a aucune instance à rejeter" },
  "error.deleted_here": { en: "{gone} of its {count} instances were deleted here after the archive committed: correct them at the archive", fr: "{gone} de ses {count} instances ont été supprimées ici après l’engagement de l’archive : corrigez-les à l’archive" },
  "error.does_not_go": { en: "does not go with {reason}", fr: "ne va pas avec {reason}" },
  "error.side.do": { en: "give R or L with wrong_side", fr: "indiquez R ou L avec wrong_side" },
  "error.leave_out": { en: "leave it out", fr: "ne l’indiquez pas" },
  "error.leave_out_known": { en: "leave it out; there is {known}", fr: "ne l’indiquez pas ; il y a {known}" },
  "error.whose.do": { en: "say whose the exam is", fr: "dites à qui est l’examen" },
  "error.discontinued": { en: "is no reason for giving up an exam", fr: "n’est pas un motif d’abandon d’examen" },
  "error.discontinued.do": { en: "give a code of PS3.16 CID 9300: {codes} (docs/exams.md)", fr: "indiquez un code de PS3.16 CID 9300 : {codes} (docs/exams.md)" },
  "error.reason": { en: "is not a known reason", fr: "n’est pas un motif connu" },
  "error.one_of.do": { en: "give one of {known}", fr: "indiquez l’un de : {known}" },
  "error.no_worklist": { en: "no worklist is configured: give `worklist` with its peer", fr: "aucune liste de travail n’est configurée : indiquez `worklist` avec son correspondant" },
  "error.search_what": { en: "give a patient's ID or name, or an accession number", fr: "indiquez le numéro ou le nom d’un patient, ou un numéro d’examen" },
  "error.disk_full": { en: "only {free}% of the disk of data_dir is free, below the limit of {limit}% (retention.minimum_free_percent): new exams are refused until there is space, and peers get A700 and send later", fr: "seuls {free} % du disque de data_dir sont libres, sous la limite de {limit} % (retention.minimum_free_percent) : les nouveaux examens sont refusés jusqu’à ce qu’il y ait de la place, et les appareils reçoivent A700 et envoient plus tard" },
  "error.audit_not_written": { en: "the audit trail cannot be written: {reason}", fr: "le journal d’audit ne peut pas être écrit : {reason}" },
  "error.audit_not_forgotten": { en: "the audit trail did not forget the patient in time", fr: "le patient n’a pas été effacé à temps du journal d’audit" },
  "error.disk_unknown": { en: "the disk of data_dir cannot be asked for its free space: {reason}", fr: "l’espace libre du disque de data_dir ne peut pas être lu : {reason}" },

  // The patient, typed.
  "error.missing": { en: "is missing", fr: "manque" },
  "error.is_no_text": { en: "is not text", fr: "n’est pas un texte" },
  "error.string.do": { en: "give it as a string", fr: "indiquez-le comme texte" },
  "error.a_string.do": { en: "give a string", fr: "indiquez un texte" },
  "error.control": { en: "holds a backslash or a control character", fr: "contient une barre oblique inverse ou un caractère de contrôle" },
  "error.control.do": { en: "take it out (PS3.5 6.2)", fr: "enlevez-le (PS3.5 6.2)" },
  "error.patient_id.do": { en: "type the patient's number", fr: "saisissez le numéro du patient" },
  "error.characters": { en: "has {count} characters", fr: "a {count} caractères" },
  "error.characters.do": { en: "give at most {count} (PS3.5 6.2, VR LO)", fr: "au plus {count} (PS3.5 6.2, VR LO)" },
  "error.patient_name.do": { en: "type the name as Family^Given", fr: "saisissez le nom comme Nom^Prénom" },
  "error.groups": { en: "has {count} groups", fr: "a {count} groupes" },
  "error.groups.do": { en: "give at most 3 (PS3.5 6.2, VR PN)", fr: "au plus 3 (PS3.5 6.2, VR PN)" },
  "error.equals": { en: "holds '=' within a group", fr: "contient « = » dans un groupe" },
  "error.take_out.do": { en: "take it out", fr: "enlevez-le" },
  "error.name_long": { en: "has more than 64 characters or 5 components", fr: "a plus de 64 caractères ou 5 composants" },
  "error.name_long.do": { en: "shorten it (PS3.5 6.2, VR PN)", fr: "raccourcissez-le (PS3.5 6.2, VR PN)" },
  "error.name_group": { en: "is not a group of a name", fr: "n’est pas un groupe d’un nom" },
  "error.give.do": { en: "give {known}", fr: "indiquez {known}" },
  "error.no_day": { en: "is not a day", fr: "n’est pas un jour" },
  "error.no_such_day": { en: "is not in the calendar", fr: "n’est pas dans le calendrier" },
  "error.day.do": { en: "type it as YYYYMMDD", fr: "saisissez-le comme AAAAMMJJ" },
  "error.time.do": { en: "type it as HH:MM", fr: "saisissez-la comme HH:MM" },
  "error.no_such_time": { en: "is not of a day", fr: "n’est pas une heure du jour" },
  "error.procedure.do": { en: "say what is to be examined", fr: "dites ce qui est à examiner" },
  "error.code_string": { en: "is no code string", fr: "n’est pas un code" },
  "error.station_list": { en: "is not a list of AE titles", fr: "n’est pas une liste de titres d’AE" },
  "error.station_names": { en: "has more than {count} titles", fr: "a plus de {count} titres" },
  "error.station_names.do": { en: "name those that it is for", fr: "nommez ceux auxquels elle est destinée" },
  "error.station_title": { en: "holds what is no AE title", fr: "contient ce qui n’est pas un titre d’AE" },
  "error.ae_title.do": { en: "1 to 16 printable ASCII characters, no backslash", fr: "1 à 16 caractères ASCII imprimables, sans barre oblique inverse" },
  "error.no_item_listed": { en: "there is no such item on the worklist", fr: "cette entrée n’est pas sur la liste de travail" },
  "error.ordered_elsewhere": { en: "it was ordered by `{name}`: cancel it there", fr: "elle a été demandée par « {name} » : annulez-la là-bas" },
  "error.future": { en: "is in the future", fr: "est dans le futur" },
  "error.before": { en: "is before {year}", fr: "est avant {year}" },
  "error.year.do": { en: "correct the year", fr: "corrigez l’année" },
  "error.sex": { en: "is not M, F or O", fr: "n’est ni M, ni F, ni O" },
  "error.sex.do": { en: "leave it out if not known", fr: "ne l’indiquez pas s’il n’est pas connu" },
  "error.patient_field": { en: "is not a field of a patient", fr: "n’est pas un champ d’un patient" },
  "error.patient_choice.do": { en: "give patient or worklist_item", fr: "indiquez le patient ou l’élément de la liste de travail" },
  "error.patient_form.do": { en: "give {id, name, birth_date, sex}", fr: "indiquez {id, name, birth_date, sex}" },
  "error.patient_twice": { en: "is given together with worklist_item", fr: "est indiqué avec un élément de la liste de travail" },
  "error.either.do": { en: "give one of them", fr: "indiquez l’un des deux" },

  // Stills, clips and the freeze.
  "error.not_kept": { en: "frame {number} is not kept: it is of before, or has not come", fr: "l’image {number} n’est pas gardée : elle est trop ancienne, ou n’est pas encore venue" },
  "error.not_connected": { en: "the probe is not connected", fr: "la sonde n’est pas connectée" },
  "error.not_open_there": { en: "the exam {exam} is not open at the probe", fr: "l’examen {exam} n’est pas ouvert à la sonde" },
  "error.automatic": { en: "no exam is open at the probe, and its captures are automatic", fr: "aucun examen n’est ouvert à la sonde, et ses captures sont automatiques" },
  "error.freeze_over": { en: "the freeze is over: freeze again", fr: "l’image figée n’est plus gardée : figez à nouveau" },
  "error.no_frame_yet": { en: "no frame has come yet", fr: "aucune image n’est encore venue" },
  "error.no_frame": { en: "no frame came", fr: "aucune image n’est venue" },
  "error.range": { en: "is out of range", fr: "est hors limites" },
  "error.seconds.do": { en: "more than 0, at most {count}", fr: "plus de 0, au plus {count}" },
  "error.minutes.do": { en: "at most {count}, above 0", fr: "au plus {count}, plus de 0" },
  "error.from": { en: "is neither of the two", fr: "n’est aucun des deux" },
  "error.from.do": { en: "give past or now", fr: "indiquez past ou now" },
  "error.past": { en: "is of the past", fr: "concerne le passé" },
  "error.past.do": { en: "leave it out, or give from: past", fr: "ne l’indiquez pas, ou indiquez from: past" },
  "error.frame_number": { en: "a frame is named by its number", fr: "une image est nommée par son numéro" },
  "error.no_link": { en: "there is no such watch link: it may be over", fr: "ce lien de visionnage n’existe pas : il est peut-être terminé" },
  "error.many_links": { en: "there are {count} watch links: end one of them", fr: "il y a {count} liens de visionnage : terminez-en un" },
  "error.link_over": { en: "the watch link is over, or is not one", fr: "le lien de visionnage est terminé, ou n’en est pas un" },
  "error.link_over.do": { en: "ask for another", fr: "demandez-en un autre" },
  "error.viewers": { en: "too many viewers", fr: "trop de spectateurs" },
  "error.viewers.do": { en: "close the picture on another screen", fr: "fermez l’image sur un autre écran" },
  "error.console_address": { en: "is not the address of a console", fr: "n’est pas l’adresse d’une console" },
  "error.console_address.do": { en: "give {plain} or {secure}, at most {count} characters", fr: "indiquez {plain} ou {secure}, au plus {count} caractères" },

  // Measurements.
  "error.points_count": { en: "are not as many as it has", fr: "ne sont pas en bon nombre" },
  "error.points_count.do": { en: "give {count} points", fr: "indiquez {count} points" },
  "error.points_same": { en: "lie on each other", fr: "sont l’un sur l’autre" },
  "error.points_same.do": { en: "set them apart", fr: "écartez-les" },
  "error.axes": { en: "are not the axes of an ellipse", fr: "ne sont pas les axes d’une ellipse" },
  "error.axes.do": { en: "give both ends of one axis, then of the other, which crosses its middle squarely", fr: "placez les deux bouts d’un axe, puis ceux de l’autre, qui le coupe au milieu à angle droit" },
  "error.crosses": { en: "make a line that crosses itself", fr: "font une ligne qui se coupe elle-même" },
  "error.crosses.do": { en: "trace it once around", fr: "faites le tour une seule fois" },
  "error.encloses": { en: "enclose nothing", fr: "n’entourent rien" },
  "error.encloses.do": { en: "trace around something", fr: "faites le tour d’une structure" },
  "error.no_calibration": { en: "lie in an image without calibration", fr: "sont dans une image sans calibration" },
  "error.no_calibration.do": { en: "measure where the image has a scale", fr: "mesurez là où l’image a une échelle" },
  "error.outside": { en: "lie outside the calibrated region", fr: "sont hors de la région calibrée" },
  "error.outside.do": { en: "set every point inside the picture", fr: "placez chaque point dans l’image" },
  "error.two_regions": { en: "lie in two regions", fr: "sont dans deux régions" },
  "error.two_regions.do": { en: "set every point in the same part of the image", fr: "placez chaque point dans la même partie de l’image" },
  "error.trace": { en: "lie in a trace over time", fr: "sont dans un tracé dans le temps" },
  "error.spectrum": { en: "lie in a spectrum", fr: "sont dans un spectre" },
  "error.wave": { en: "lie in a wave form", fr: "sont dans une forme d’onde" },
  "error.graphics": { en: "lie in graphics", fr: "sont dans un graphique" },
  "error.unknown_scale": { en: "lie in a part without a known scale", fr: "sont dans une partie sans échelle connue" },
  "error.other_unit": { en: "lie in a region whose unit is not the centimetre", fr: "sont dans une région dont l’unité n’est pas le centimètre" },
  "error.no_scale": { en: "lie in a region without a scale", fr: "sont dans une région sans échelle" },
  "error.flat.do": { en: "measure in a two-dimensional picture", fr: "mesurez dans une image à deux dimensions" },
  "error.points_form": { en: "are no list of points", fr: "ne sont pas une liste de points" },
  "error.points_form.do": { en: "give [[column, row], ...] in pixels", fr: "indiquez [[colonne, ligne], ...] en pixels" },
  "error.label_control": { en: "has a character that DICOM does not take", fr: "a un caractère que DICOM ne prend pas" },
  "error.no_image": { en: "there is no such image", fr: "cette image n’existe pas" },
  "error.no_image_here": { en: "there is no such image here", fr: "cette image n’est pas ici" },
  "error.not_its_frame": { en: "is not of this image", fr: "n’est pas de cette image" },
  "error.up_to.do": { en: "give 1 to {count}", fr: "indiquez 1 à {count}" },
  "error.no_measurement": { en: "there is no such measurement", fr: "cette mesure n’existe pas" },
  "error.measurements": { en: "the image has {count} measurements: delete one that is not needed", fr: "l’image a {count} mesures : supprimez-en une qui n’est pas utile" },
  "error.kind": { en: "is not known", fr: "n’est pas connu" },
  "error.other_image": { en: "is of another image", fr: "est d’une autre image" },

  // The archive's screens.
  "error.no_study": { en: "there is no such study", fr: "cette étude n’existe pas" },
  "error.store_no_study": { en: "the store has no study {study}", fr: "il n’y a pas d’étude {study} ici" },
  "error.no_frame_there": { en: "there is no such frame", fr: "cette image de la séquence n’existe pas" },
  "error.file_gone": { en: "its file is not here any more", fr: "son fichier n’est plus ici" },
  "error.file_changed": { en: "its file has changed since it was stored", fr: "son fichier a changé depuis son enregistrement" },
  "error.not_dicom": { en: "its file cannot be read as a DICOM data set", fr: "son fichier ne se lit pas comme données DICOM" },
  "error.no_picture_now": { en: "the frame cannot be made just now ({reason})", fr: "l’image ne peut pas être faite en ce moment ({reason})" },
  "error.file_unread": { en: "its file cannot be read ({reason})", fr: "son fichier ne peut pas être lu ({reason})" },
  "error.no_jpeg": { en: "it cannot be a JPEG ({reason})", fr: "elle ne peut pas devenir un JPEG ({reason})" },
  "error.no_picture": { en: "there is no picture of its transfer syntax here", fr: "sa syntaxe de transfert ne s’affiche pas ici" },
  "error.has_frames": { en: "it has {count} frames", fr: "elle a {count} images" },
  "error.frames_large": { en: "its frames are too large to be shown here", fr: "ses images sont trop grandes pour s’afficher ici" },
  "error.no_photometric": { en: "there is no picture of {kind} with {samples} samples of {bits} bits", fr: "une image {kind} à {samples} composantes de {bits} bits ne s’affiche pas" },
  "error.frame_size": { en: "a frame is not of the size that the dataset describes", fr: "une image n’a pas la taille que les données décrivent" },
  "error.too_small": { en: "is too small", fr: "est trop petit" },
  "error.or_more.do": { en: "give 1 or more", fr: "indiquez 1 ou plus" },
  "error.half": { en: "has no other half", fr: "n’a pas sa seconde moitié" },
  "error.half.do": { en: "give window_width with it", fr: "indiquez window_width avec" },
  "error.too_long": { en: "is too long", fr: "est trop long" },
  "error.type_most.do": { en: "type at most {count} characters", fr: "saisissez au plus {count} caractères" },
  "error.give_most.do": { en: "give at most {count} characters", fr: "indiquez au plus {count} caractères" },
  "error.many_words": { en: "has too many words", fr: "a trop de mots" },
  "error.many_words.do": { en: "type at most {count}", fr: "saisissez-en au plus {count}" },
  "error.no_date": { en: "is no date", fr: "n’est pas une date" },
  "error.no_date.do": { en: "write it as 2026-11-29", fr: "écrivez-la comme 2026-11-29" },
  "error.cursor": { en: "is not from this list", fr: "ne vient pas de cette liste" },
  "error.cursor.do": { en: "begin at the first page", fr: "recommencez à la première page" },
  "error.nothing_of_uid": { en: "there is nothing of that UID", fr: "il n’y a rien sous cet UID" },
  "error.report_unknown": { en: "nothing is known of an exam {exam}: give its Study Instance UID, as in `echonode ledger --json`", fr: "rien n’est connu d’un examen {exam} : indiquez son Study Instance UID, comme dans `echonode ledger --json`" },

  // The outbox.
  "error.no_destination": { en: "there is no such destination; configured: {known}", fr: "cette destination n’existe pas ; configurées : {known}" },
  "error.no_delivery_to": { en: "the store has no delivery of {uid} to {name}; `echonode ledger` lists all", fr: "il n’y a pas d’envoi de {uid} vers {name} ; `echonode ledger` les liste tous" },
  "error.no_delivery": { en: "the store has no delivery of {uid}; `echonode ledger` lists all", fr: "il n’y a pas d’envoi de {uid} ; `echonode ledger` les liste tous" },
  "error.nothing_to_do": { en: "nothing to {action}: {states}. `{command}` {what}", fr: "rien à {action} : {states}. `{command}` {what}" },
  "error.action.hold": { en: "hold", fr: "retenir" },
  "error.action.release": { en: "release", fr: "libérer" },
  "error.action.retry": { en: "retry", fr: "réessayer" },
  "error.hold": { en: "holds what is not done nor just being sent", fr: "retient ce qui n’est ni fait ni en cours d’envoi" },
  "error.release": { en: "sends again what is held, and allows the deletion of a copy kept for a warning", fr: "renvoie ce qui est retenu, et permet de supprimer une copie gardée pour un avertissement" },
  "error.retry": { en: "sends now what waits for its next try, or is held, and asks now for the commitment of what was sent and not promised", fr: "envoie maintenant ce qui attend son prochain essai, ou est retenu, et demande l’engagement de ce qui est envoyé sans promesse" },
  "error.no_conflict": { en: "{study} has no conflict that waits for a person", fr: "{study} n’a pas de conflit qui attend une personne" },
  "error.not_released": { en: "{uid} is not released: {reason}", fr: "{uid} n’est pas libérée : {reason}" },
  "error.waits_for_patient": { en: "its exam has no patient yet: identify the exam", fr: "son examen n’a pas encore de patient : identifiez l’examen" },
  "error.waits_for_naming": { en: "its exam's patient is being written into it", fr: "le patient de son examen y est en cours d’écriture" },
  "error.rejected": { en: "it was rejected by a correction of its exam", fr: "elle a été rejetée par une correction de son examen" },
  "error.delivery_transition": { en: "a delivery that is {state} cannot take {event}", fr: "un envoi à l’état « {state} » n’accepte pas l’événement « {event} »" },
  "error.not_boolean": { en: "is neither true nor false", fr: "n’est ni vrai ni faux" },
  "error.no_uid": { en: "is no UID", fr: "n’est pas un UID" },
  "error.study.do": { en: "give a Study Instance UID", fr: "indiquez un Study Instance UID" },
  "error.only_choice": { en: "is not the only choice", fr: "n’est pas le seul choix" },
  "error.only_choice.do": { en: "give one of: uids, study, all: true", fr: "indiquez l’un de : uids, study, all: true" },
  "error.all.do": { en: "`all` needs the destination's name", fr: "`all` demande le nom de la destination" },
  "error.for_all": { en: "is for `all` only", fr: "n’est que pour `all`" },
  "error.for_all.do": { en: "leave it out, or give all: true", fr: "ne l’indiquez pas, ou indiquez all: true" },
  "error.reason_key.do": { en: "give the key of a reason of GET /api/outbox", fr: "indiquez la clé d’un motif de GET /api/outbox" },
  "error.no_uids": { en: "is not a list of UIDs", fr: "n’est pas une liste d’UID" },
  "error.instances.do": { en: "give SOP Instance UIDs", fr: "indiquez des SOP Instance UID" },
  "error.uids_count": { en: "has none, or too many", fr: "n’en a aucun, ou trop" },
  "error.uids_count.do": { en: "give 1 to {count} SOP Instance UIDs", fr: "indiquez 1 à {count} SOP Instance UID" },
  "error.uids_form": { en: "has what is no UID", fr: "contient ce qui n’est pas un UID" },
  "error.next.do": { en: "give `next` of the page before", fr: "indiquez `next` de la page précédente" },
  "error.list": { en: "is not one of them", fr: "n’est pas l’un d’eux" },
  "error.actions.do": { en: "there is hold, release and retry", fr: "il y a hold, release et retry" },

  // The audit trail, and one patient's data.
  "error.trail_kind": { en: "is not a kind of record", fr: "n’est pas un genre d’inscription" },
  "error.trail_time": { en: "is not a time", fr: "n’est pas une heure" },
  "error.trail_time.do": { en: "give one with its zone, 2026-03-01T08:00:00Z", fr: "indiquez-la avec son fuseau, 2026-03-01T08:00:00Z" },
  "error.trail_verifying": { en: "the audit trail is being verified already: wait for its result", fr: "le journal d’audit est déjà en cours de vérification : attendez le résultat" },
  "error.trail_unread": { en: "the audit trail cannot be read: the log says why", fr: "le journal d’audit est illisible : le journal du nœud dit pourquoi" },
  "error.export_under_way": { en: "an export is being made already: try again once it has ended", fr: "une exportation est déjà en cours : réessayez une fois qu’elle est terminée" },
  "error.export_no_room": { en: "the disk has no room for a copy of {size} MiB: use `echonode patient export` with a path on another disk", fr: "le disque n’a pas de place pour une copie de {size} Mio : utilisez `echonode patient export` avec un chemin sur un autre disque" },
  "error.export_unwritten": { en: "the export cannot be written: {reason}", fr: "l’exportation ne peut pas être écrite : {reason}" },
  "error.nothing_of_patient": { en: "nothing is held of a patient with this number", fr: "rien n’est gardé d’un patient avec ce numéro" },
  "error.erase_other": { en: "another patient is being erased: wait until that is done", fr: "un autre patient est en cours d’effacement : attendez la fin" },
  "error.erase_not_now": { en: "the patient cannot be erased now: {reasons}", fr: "le patient ne peut pas être effacé maintenant : {reasons}" },
  "error.erase_exam": { en: "the exam {exam} is open: end it first", fr: "l’examen {exam} est ouvert : terminez-le d’abord" },
  "error.erase_asked": { en: "{count} commitments that a peer asked for are not reported yet", fr: "engagements demandés par un correspondant et pas encore rendus : {count}" },
  "error.erase_rewritten": { en: "{count} images are being rewritten or corrected", fr: "images en cours de réécriture ou de correction : {count}" },
  "error.erase_steps": { en: "{count} procedure steps are not reported yet", fr: "étapes de procédure pas encore rendues : {count}" },
  "error.erase_results": { en: "{count} results wait for the RIS", fr: "résultats en attente du RIS : {count}" },
  "error.erase_deliveries": { en: "{count} deliveries to {archive} are {state}", fr: "livraisons vers {archive} à l’état « {state} » : {count}" },
  "error.state.queued": { en: "queued", fr: "en file" },
  "error.state.sending": { en: "sending", fr: "en cours d’envoi" },
  "error.state.commit_requested": { en: "commit_requested", fr: "engagement demandé" },
  "error.state.held": { en: "held", fr: "retenue" },

  // Printing.
  "error.no_volume": { en: "no volume can be made of it: {why}", fr: "aucun volume ne peut en être fait : {why}" },
  "error.no_transform": { en: "is no transform", fr: "n’est pas une transformation" },
  "error.no_transform.do": { en: "give its name, as ImageToReference", fr: "donnez son nom, comme ImageToReference" },
  "error.no_voxel": { en: "is not the size of a voxel", fr: "n’est pas la taille d’un voxel" },
  "error.no_voxel.do": { en: "give 0.01 to 100 mm", fr: "donnez de 0,01 à 100 mm" },
  "error.no_matrix": { en: "is no matrix", fr: "n’est pas une matrice" },
  "error.no_matrix.do": { en: "give sixteen numbers, row by row, pixels to mm", fr: "donnez seize nombres, ligne par ligne, des pixels aux mm" },
  "error.no_printer": { en: "no printer is configured: give `prints` with its peer", fr: "aucune imprimante n’est configurée : indiquez `prints` avec son pair" },
  "error.unknown_printer": { en: "there is no printer {name}: there is {names}", fr: "il n’y a pas d’imprimante {name} : il y a {names}" },
  "error.copies": { en: "1 to {count} copies can be printed", fr: "on peut imprimer de 1 à {count} exemplaires" },
  "error.no_study_here": { en: "the store has no StudyInstanceUID {uid}", fr: "le stockage n’a pas de StudyInstanceUID {uid}" },
  "error.nothing_to_print": { en: "nothing of it can be printed: it has no picture, or its exam has no patient yet", fr: "rien n’en peut être imprimé : elle n’a pas d’image, ou son examen n’a pas encore de patient" },
  "error.many_pictures": { en: "it has {count} pictures: {most} are the most", fr: "elle a {count} images : {most} au plus" },
  "error.image_gone": { en: "the image {uid} is not here any more", fr: "l’image {uid} n’est plus ici" },
  "error.file_unread": { en: "the file of {uid} cannot be read: {reason}", fr: "le fichier de {uid} ne peut pas être lu : {reason}" },
  "error.uid_form": { en: "is not a UID", fr: "n’est pas un UID" },

  // Reports and kept views.
  "error.report_no_image": { en: "the exam has no image yet: a report refers to its images", fr: "l’examen n’a pas encore d’image : un compte rendu renvoie à ses images" },
  "error.report_gone": { en: "{count} of its measurements are on images that were deleted here after the archive committed to keep them: choose others, or report at the archive", fr: "{count} de ses mesures sont sur des images supprimées ici après l’engagement de l’archive : choisissez-en d’autres, ou rédigez le compte rendu à l’archive" },
  "error.report_empty": { en: "are empty, and nothing was measured", fr: "sont vides, et rien n’a été mesuré" },
  "error.report_empty.do": { en: "say what was found", fr: "dites ce qui a été constaté" },
  "error.report_all_gone": { en: "its images were deleted here after the archive committed to keep them: report there", fr: "ses images ont été supprimées ici après l’engagement de l’archive : rédigez le compte rendu là-bas" },
  "error.measurement_stands": { en: "has {id}, which does not stand", fr: "contient {id}, qui n’est plus valable" },
  "error.too_many": { en: "are too many", fr: "sont trop nombreux" },
  "error.at_most.do": { en: "at most {count}", fr: "au plus {count}" },
  "error.no_template_field": { en: "has no {field} in it", fr: "ne comporte pas {field}" },
  "error.key_image": { en: "has what is not one of the exam's images here", fr: "contient ce qui n’est pas une image de l’examen ici" },
  "error.key_image.do": { en: "choose from its images", fr: "choisissez parmi ses images" },
  "error.key_frame": { en: "has a frame that is not there", fr: "contient un numéro d’image qui n’existe pas" },
  "error.no_report": { en: "it is no report", fr: "ce n’est pas un compte rendu" },
  "error.view_elsewhere": { en: "it is of no exam of this node: its views are kept elsewhere", fr: "elle n’est d’aucun examen de ce nœud : ses vues se gardent ailleurs" },
  "error.view_rejected": { en: "a correction rejected the image: show the one in its place", fr: "une correction a rejeté l’image : affichez celle qui la remplace" },
  "error.report_no_patient": { en: "{exam} has no patient yet: say whose it is, for a report names its patient", fr: "{exam} n’a pas encore de patient : dites à qui il est, car un compte rendu nomme son patient" },
  "error.notes_many.do": { en: "at most {count} with what was measured", fr: "au plus {count} avec ce qui a été mesuré" },
  "error.note_outside": { en: "has a point that is not on the image", fr: "a un point qui n’est pas sur l’image" },
  "error.note_outside.do": { en: "set it on the image", fr: "placez-le sur l’image" },
  "error.window_wrong": { en: "cannot be applied", fr: "ne peut pas être appliqué" },
  "error.area_nothing": { en: "shows nothing of the image", fr: "ne montre rien de l’image" },
  "error.no_text_character": { en: "has a character that is no text", fr: "a un caractère qui n’est pas du texte" },
  "error.no_pages": { en: "it has no pages", fr: "il n’a pas de pages" },
  "error.no_such_report": { en: "there is no such report", fr: "ce compte rendu n’existe pas" },
  "error.pages_gone": { en: "its pages are not here: not made yet, or deleted after delivery", fr: "ses pages ne sont pas ici : pas encore faites, ou supprimées après l’envoi" },
  "error.colour_view": { en: "it is a colour image: a grayscale presentation state cannot show it", fr: "c’est une image en couleurs : un état de présentation en niveaux de gris ne peut pas la montrer" },
  "error.view_no_size": { en: "the visible part has no size", fr: "la partie visible n’a pas de taille" },
  "error.no_font": { en: "no font of this machine has U+{code} ({name}): install one for its script (Debian: fonts-noto-core; fonts-droid-fallback for Chinese, Japanese and Korean), or name its folder in report.fonts", fr: "aucune police de cette machine n’a U+{code} ({name}) : installez-en une pour son écriture (Debian : fonts-noto-core ; fonts-droid-fallback pour le chinois, le japonais et le coréen), ou indiquez son dossier dans report.fonts" },
  "error.value_code": { en: "a measurement has a value that has no code here", fr: "une mesure a une valeur qui n’a pas de code ici" },
  "error.unit_code": { en: "a measurement has a unit that has no code here", fr: "une mesure a une unité qui n’a pas de code ici" },
  "error.report_unfiled": { en: "a report without an image says nothing that an archive could file", fr: "un compte rendu sans image n’a rien qu’une archive puisse classer" },
  "error.no_highdicom": { en: "highdicom is not installed, which writes structured reports: it is not there for Python 3.14 yet. Use Python 3.11 to 3.13, and install echonode again", fr: "highdicom, qui écrit les rapports structurés, n’est pas installé : il n’existe pas encore pour Python 3.14. Utilisez Python 3.11 à 3.13 et réinstallez echonode" },
  "error.document_empty": { en: "the database holds a document without content", fr: "la base de données contient un document vide" },
  "error.document_uids": { en: "the database holds what is not a list of UIDs", fr: "la base de données contient ce qui n’est pas une liste d’UID" },
  "error.documents_many": { en: "{exam} has {count} reports and views already", fr: "{exam} a déjà {count} comptes rendus et vues" },
  "error.image_list": { en: "is not a list of images", fr: "n’est pas une liste d’images" },
  "error.note_list": { en: "is not a list of notes", fr: "n’est pas une liste de notes" },
  "error.number_list": { en: "are not the numbers that it takes", fr: "ne sont pas les nombres attendus" },
  "error.text_object": { en: "is not an object of texts", fr: "n’est pas un objet de textes" },
  "error.text_list": { en: "is not a list of texts", fr: "n’est pas une liste de textes" },
  "error.window_form": { en: "is no window", fr: "n’est pas un fenêtrage" },

  // Any request.
  "error.no_object": { en: "is no object", fr: "n’est pas un objet" },
  "error.no_object.do": { en: "send {...}", fr: "envoyez {...}" },
  "error.no_json": { en: "is not JSON", fr: "n’est pas du JSON" },
  "error.no_json.do": { en: "send one object", fr: "envoyez un objet" },
  "error.body_long.do": { en: "send at most {count} bytes", fr: "envoyez au plus {count} octets" },
  "error.no_number": { en: "is not a number", fr: "n’est pas un nombre" },
  "error.no_number.do": { en: "give a number", fr: "indiquez un nombre" },
  "error.no_whole": { en: "is not a whole number", fr: "n’est pas un nombre entier" },
  "error.no_whole.do": { en: "give a number from 0 on", fr: "indiquez un nombre à partir de 0" },
  "error.frame.do": { en: "give the frame's number, from 1 on", fr: "indiquez le numéro de l’image, à partir de 1" },
  "error.not_known_here": { en: "is not known here", fr: "n’est pas connu ici" },
  "error.cut_off": { en: "the body is cut off", fr: "le corps de la demande est coupé" },
  "error.invalid.do": { en: "correct the value at the source that it came from", fr: "corrigez la valeur à la source d’où elle vient" },
  "error.away.do": { en: "try again, or run echonode preflight", fr: "réessayez, ou lancez `echonode preflight`" },
  "error.store.do": { en: "try again once the disk has room", fr: "réessayez quand le disque a de la place" },
  "error.attribute": { en: "{keyword} ({group},{element}): {rule}", fr: "{keyword} ({group},{element}) : {rule}" },
  "error.database_full": { en: "the database has no more room on the disk", fr: "la base de données n’a plus de place sur le disque" },
  "error.database_failed": { en: "the disk failed under the database", fr: "le disque de la base de données est en panne" },
  "error.database_unreadable": { en: "the database cannot be read", fr: "la base de données ne peut pas être lue" },
  "error.database_unwritable": { en: "the database cannot be written", fr: "la base de données ne peut pas être écrite" },
  "error.database_held": { en: "another program holds the database", fr: "un autre programme tient la base de données" },
  "error.database_damaged": { en: "the database file is damaged", fr: "le fichier de la base de données est abîmé" },
  "error.no_measurement_kept": { en: "the database holds what is no measurement", fr: "la base de données contient ce qui n’est pas une mesure" },
  "error.database_busy": { en: "too many queries read the database at the same time", fr: "trop de requêtes lisent la base de données en même temps" },
  "error.database_silent": { en: "the database does not answer", fr: "la base de données ne répond pas" },
  "error.database_memory": { en: "the system gives the database no more memory", fr: "le système ne donne plus de mémoire à la base de données" },
  "error.disk": { en: "the disk refused {doing}: {reason}", fr: "le disque a refusé une opération ({doing}) : {reason}" },

  // Fields, as subjects.
  "error.field.name": { en: "name", fr: "le nom" },
  "error.field.password": { en: "password", fr: "le mot de passe" },
  "error.field.pin": { en: "pin", fr: "le code PIN" },
  "error.field.role": { en: "role", fr: "le rôle" },
  "error.field.patient": { en: "patient", fr: "le patient" },
  "error.field.patient.id": { en: "patient.id", fr: "le numéro du patient" },
  "error.field.patient.name": { en: "patient.name", fr: "le nom du patient" },
  "error.field.patient.birth_date": { en: "patient.birth_date", fr: "la date de naissance" },
  "error.field.patient.sex": { en: "patient.sex", fr: "le sexe du patient" },
  "error.field.requested_procedure": { en: "requested_procedure", fr: "l’examen demandé" },
  "error.field.accession_number": { en: "accession_number", fr: "le numéro de demande" },
  "error.field.start_date": { en: "start_date", fr: "le jour" },
  "error.field.start_time": { en: "start_time", fr: "l’heure" },
  "error.field.points": { en: "points", fr: "les points" },
  "error.field.label": { en: "label", fr: "le libellé" },
  "error.field.findings": { en: "findings", fr: "les constatations" },
  "error.field.conclusion": { en: "conclusion", fr: "la conclusion" },
  "error.field.key_images": { en: "key images", fr: "le choix des images clés" },
  "error.field.measurements": { en: "measurements", fr: "le choix des mesures" },
  "error.field.template": { en: "template", fr: "le modèle" },
  "error.field.language": { en: "language", fr: "la langue" },
  "error.field.notes": { en: "notes", fr: "les notes" },
  "error.field.window": { en: "window", fr: "le fenêtrage" },
  "error.field.area": { en: "area", fr: "la partie visible" },
  "error.field.frame": { en: "frame", fr: "le numéro de l’image" },
  "error.field.reason": { en: "reason", fr: "le motif" },
  "error.field.laterality": { en: "laterality", fr: "le côté" },
  "error.field.instances": { en: "instances", fr: "le choix des images" },
  "error.field.seconds": { en: "seconds", fr: "la durée" },
  "error.field.minutes": { en: "minutes", fr: "la durée" },
  "error.field.text": { en: "text", fr: "le texte cherché" },
  "error.field.from": { en: "from", fr: "la date de début" },
  "error.field.to": { en: "to", fr: "la date de fin" },
};

const MANY = 4; // captured texts within captured texts
const entries = Object.entries({ ...words, ...nodeWords, ...systemWords }).filter(([key]) => !key.startsWith("error.field."));
const exact = new Map(entries.map(([, texts]) => [texts.en, texts]));
// The most exact first: what stands in the pattern itself decides, and not its place in the table.
const ownLength = (english) => english.replace(/\{\w+\}/g, "").length;
const patterns = entries.map(([, texts]) => texts).filter(({ en }) => /\{\w+\}/.test(en))
  .sort((one, other) => ownLength(other.en) - ownLength(one.en)).map((texts) => [expression(texts.en), texts]);
// A pattern without a word of its own, "{why} ({code})", tells nothing by itself: it is tried last.
const framing = patterns.filter(([, { en }]) => !/\p{L}/u.test(en.replace(/\{\w+\}/g, "")));
const telling = patterns.filter((each) => !framing.includes(each));

// {name} is any text, the shortest that fits. What else stands in braces is itself.
function expression(english) {
  const escaped = english.replace(/[.*+?^$()[\]\\|]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\{(\w+)\}/g, "(?<$1>.+?)").replace(/\{([^}]*\W[^}]*)\}/g, "\\{$1\\}")}$`, "su");
}

// A sentence of the node in the console's language; as it is where it is not known.
export function translated(sentence, language = languageNow(), depth = 0) {
  if (language === "en" || depth > MANY) return sentence;
  const known = exact.get(sentence);
  if (known) return known[language];
  return byPattern(telling, sentence, language, depth) ?? behindPlace(sentence, language, depth) ?? byPattern(framing, sentence, language, depth) ?? sentence;
}

function byPattern(among, sentence, language, depth) {
  for (const [pattern, texts] of among) {
    const found = pattern.exec(sentence)?.groups;
    if (found) return texts[language].replace(/\{(\w+)\}/g, (whole, name) => (name in found ? translated(found[name], language, depth + 1) : whole));
  }
  return null;
}

// "WHERE: WHY" where WHY is known.
function behindPlace(sentence, language, depth) {
  const at = sentence.indexOf(": ");
  if (at < 1) return null;
  const why = sentence.slice(at + 2), said = translated(why, language, depth + 1);
  return said === why ? null : `${sentence.slice(0, at)} : ${said}`;
}

// An alarm, {name: "held:pacs", text: "pacs: 3 deliveries are held; ..."}: its text begins with its subject.
export function alarmText({ name, text }, language = languageNow()) {
  const subject = name.slice(name.indexOf(":") + 1);
  const begin = `${subject}: `;
  if (language === "en" || subject === name || !text.startsWith(begin)) return translated(text, language);
  return `${subject} : ${severally(text.slice(begin.length), language)}`;
}

// What is wrong with an archive: several sentences in a row, or one, in which the same mark may stand.
export function severally(text, language = languageNow()) {
  const parts = text.split("; ");
  const each = parts.map((part) => translated(part, language));
  return each.every((said, index) => said !== parts[index]) ? each.join(" ; ") : translated(text, language);
}

// A field of a request as the subject of a sentence.
function subject(field, language) {
  return words[`error.field.${field}`]?.[language] ?? `« ${field} »`;
}

// What is wrong, without its remedy. {error, field, remedy} as the node answers them.
export function problemOf(said, language = languageNow()) {
  const whole = withoutRemedy(said);
  if (language === "en" || !startsWithField(said, whole)) return translated(whole, language);
  return `${subject(said.field, language)} ${translated(whole.slice(said.field.length + 1), language)}`;
}

// The same below the field itself: its name is left out.
export function problemBelow(said, language = languageNow()) {
  const whole = withoutRemedy(said);
  return translated(startsWithField(said, whole) ? whole.slice(said.field.length + 1) : whole, language);
}

const startsWithField = ({ field }, whole) => Boolean(field) && whole.startsWith(`${field} `);

// The node's own sentence ends in its remedy for those who read logs; here it stands by itself.
const withoutRemedy = ({ error, remedy }) => (remedy && error.endsWith(`: ${remedy}`) ? error.slice(0, -remedy.length - 2) : error);
