// An MPPS SCP on dcmjs-dimse, a program of its own: node mpps_scp.js PORT FOLDER MODULES
//
// Each request is written to FOLDER as NUMBER-create.json or NUMBER-set.json: {sopInstanceUid,
// dataset, status}. It keeps the rules of PS3.4 annex F: an N-CREATE of a known UID is answered
// 0111, an N-SET of an unknown one 0112, and one after COMPLETED or DISCONTINUED 0110.
// FOLDER/answer, where it exists, holds a status (hex) that is answered instead, and nothing is kept.
// FOLDER/delay, where it exists, holds the milliseconds from keeping a request to answering it.
// With CERT KEY CA it speaks TLS only, and serves who shows a certificate of that authority.
'use strict';
const fs = require('fs');
const path = require('path');
const [port, folder, modules, cert, key, ca] = process.argv.slice(2);
const dimse = require(path.join(modules, 'dcmjs-dimse'));
const { Server, Scp } = dimse;
const { CEchoResponse, NCreateResponse, NSetResponse } = dimse.responses;
const { PresentationContextResult, TransferSyntax, SopClass } = dimse.constants;

const MPPS = '1.2.840.10008.3.1.2.3.3';
const steps = new Map();
// A program that is started again goes on numbering where it was killed.
let number = fs.readdirSync(folder).filter((name) => /^\d+-/.test(name)).length;

function keep(kind, sopInstanceUid, request, status) {
  number += 1;
  const name = `${String(number).padStart(4, '0')}-${kind}.json`;
  const dataset = request.getDataset();
  const content = { sopInstanceUid, status, dataset: dataset ? dataset.getElements() : null };
  // Written whole before it is seen: the tests read it as soon as it is there.
  fs.writeFileSync(path.join(folder, `.${name}`), JSON.stringify(content));
  fs.renameSync(path.join(folder, `.${name}`), path.join(folder, name));
}

function ordered() {
  const file = path.join(folder, 'answer');
  return fs.existsSync(file) ? parseInt(fs.readFileSync(file, 'utf8').trim(), 16) : null;
}

function later(callback, response) {
  const file = path.join(folder, 'delay');
  if (!fs.existsSync(file)) callback(response);
  else setTimeout(() => callback(response), Number(fs.readFileSync(file, 'utf8')));
}

class MppsScp extends Scp {
  associationRequested(association) {
    this.association = association;
    for (const { id } of association.getPresentationContexts()) {
      const context = association.getPresentationContext(id);
      const known = [MPPS, SopClass.Verification].includes(context.getAbstractSyntaxUid());
      const syntaxes = context.getTransferSyntaxUids();
      const wanted = [TransferSyntax.ExplicitVRLittleEndian, TransferSyntax.ImplicitVRLittleEndian];
      const syntax = syntaxes.find((s) => wanted.includes(s));
      if (known && syntax) context.setResult(PresentationContextResult.Accept, syntax);
      else context.setResult(PresentationContextResult.RejectAbstractSyntaxNotSupported);
    }
    this.sendAssociationAccept();
  }

  cEchoRequest(request, callback) {
    const response = CEchoResponse.fromRequest(request);
    response.setStatus(0x0000);
    callback(response);
  }

  nCreateRequest(request, callback) {
    const uid = request.getAffectedSopInstanceUid();
    const order = ordered();
    const status = order ?? (steps.has(uid) ? 0x0111 : 0x0000);
    if (status === 0) steps.set(uid, 'IN PROGRESS');
    keep('create', uid, request, status);
    const response = NCreateResponse.fromRequest(request);
    response.setStatus(status);
    later(callback, response);
  }

  nSetRequest(request, callback) {
    const uid = request.getRequestedSopInstanceUid();
    const order = ordered();
    let status = order ?? 0x0000;
    if (order === null && !steps.has(uid)) status = 0x0112;
    else if (order === null && steps.get(uid) !== 'IN PROGRESS') status = 0x0110;
    if (status === 0) {
      const next = request.getDataset().getElement('PerformedProcedureStepStatus');
      if (next) steps.set(uid, next);
    }
    keep('set', uid, request, status);
    const response = NSetResponse.fromRequest(request);
    response.setStatus(status);
    later(callback, response);
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

const options = cert
  ? {
      securityOptions: {
        cert: fs.readFileSync(cert),
        key: fs.readFileSync(key),
        ca: fs.readFileSync(ca),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
      },
    }
  : {};
new Server(MppsScp).listen(Number(port), options);
