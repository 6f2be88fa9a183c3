"""The viewer's settings, as its own file app-config.js (docs.ohif.org, "Configuration Files").

Rules
- One source: DICOMweb of the origin that the page came from. No source that a page's address can
  name, no settings from elsewhere.
- The flags say what DICOMweb of this node does (docs/dicomweb.md). A frame comes in one part, as it
  is stored: the viewer looks through every byte of a multipart answer for its end, which took a
  third of the time of a long cine.
- The viewer plays a cine without Frame Time at 24 frames/s, whatever its Frame Time Vector says
  (PS3.3 C.7.6.5): an extension of three lines gives it the vector's mean.
- Who is not logged in any more gets the page that says so: it loads itself again.
"""

from __future__ import annotations

APP_CONFIG = """\
const root = `${window.location.origin}/dicom-web`;
// FrameRate is milliseconds for each frame there.
function giveRate(set) {
  const steps = [].concat(set.instances?.[0]?.FrameTimeVector ?? []).slice(1).map(Number);
  const whole = steps.reduce((sum, each) => sum + each, 0);
  if (!set.FrameRate && whole > 0) set.FrameRate = whole / steps.length;
}
window.config = {
  routerBasename: "/",
  extensions: [{
    id: "echonode.cine",
    preRegistration: ({ servicesManager }) => {
      const sets = servicesManager.services.displaySetService;
      const giveRates = ({ displaySetsAdded }) => displaySetsAdded.forEach(giveRate);
      sets.subscribe(sets.EVENTS.DISPLAY_SETS_ADDED, giveRates);
    },
  }],
  modes: [],
  customizationService: {},
  showStudyList: true,
  showLoadingIndicator: true,
  showWarningMessageForCrossOrigin: false,
  showCPUFallbackMessage: true,
  showErrorDetails: "always",
  maxNumberOfWebWorkers: 3,
  maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 6 },
  httpErrorHandler: (error) => {
    const status = error?.status ?? error?.request?.status ?? error?.response?.status;
    if (status === 401 || status === 423) window.location.reload();
  },
  defaultDataSourceName: "echonode",
  dataSources: [{
    namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
    sourceName: "echonode",
    configuration: {
      friendlyName: "EchoNode",
      name: "echonode",
      qidoRoot: root,
      wadoRoot: root,
      wadoUriRoot: `${root}/wado`,
      qidoSupportsIncludeField: true,
      supportsFuzzyMatching: true,
      supportsWildcard: true,
      supportsReject: false,
      dicomUploadEnabled: true,
      imageRendering: "wadors",
      thumbnailRendering: "wadors",
      enableStudyLazyLoad: true,
      singlepart: "bulkdata,video",
      bulkDataURI: { enabled: true },
      omitQuotationForMultipartRequest: true,
      acceptHeader: ["application/octet-stream; transfer-syntax=*"],
    },
  }],
};
"""

# The package's own one registers a service worker that loads scripts of another host.
NO_SERVICE_WORKER = "export {};\n"
