// Words of the overview.
export const words = {
  "overview.title": { en: "System", fr: "Système" },
};
