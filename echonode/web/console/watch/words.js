// Words of the Watch screen.
export const words = {
  "watch.title": { en: "Live picture", fr: "Image en direct" },
  "watch.hint": { en: "Press on the picture, or use the arrow keys, to point. The operator sees where.", fr: "Appuyez sur l’image, ou utilisez les flèches, pour montrer un endroit. L’opérateur le voit." },
  "watch.picture": { en: "Ultrasound picture; press to point", fr: "Image échographique ; appuyez pour montrer" },
  "watch.pointer": { en: "You point here", fr: "Vous montrez cet endroit" },
  "watch.over": { en: "The link is over", fr: "Le lien a pris fin" },
  "watch.over.text": { en: "The operator ended it, or its time is up. To go on watching, ask the operator for a new link.", fr: "L’opérateur l’a fermé, ou sa durée est écoulée. Pour continuer à regarder, demandez un nouveau lien à l’opérateur." },
  "watch.closed": { en: "No connection", fr: "Pas de connexion" },
  "watch.closed.text": { en: "The link is over, or the node cannot be reached. The page goes on trying. Ask the operator for a new link if it stays so.", fr: "Le lien a expiré ou le nœud est injoignable. La page continue d’essayer. Si cela dure, demandez un nouveau lien à l’opérateur." },
  "watch.away": { en: "The probe is not connected", fr: "La sonde n’est pas connectée" },
  "watch.away.text": { en: "The picture begins as soon as it is.", fr: "L’image démarre dès qu’elle l’est." },
  "watch.waits": { en: "Waiting for the picture…", fr: "En attente de l’image…" },
};
