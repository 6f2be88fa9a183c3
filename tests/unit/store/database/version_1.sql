BEGIN TRANSACTION;
CREATE TABLE commitment_item (
	commitment_transaction_id INTEGER NOT NULL, 
	delivery_id INTEGER NOT NULL, 
	outcome INTEGER, 
	PRIMARY KEY (commitment_transaction_id, delivery_id), 
	FOREIGN KEY(commitment_transaction_id) REFERENCES commitment_transaction (id), 
	FOREIGN KEY(delivery_id) REFERENCES delivery (id)
);
CREATE TABLE commitment_transaction (
	id INTEGER NOT NULL, 
	transaction_uid TEXT NOT NULL, 
	destination TEXT NOT NULL, 
	peer_ae_title TEXT NOT NULL, 
	state TEXT NOT NULL CHECK (state IN ('created', 'requested', 'reported', 'abandoned')), 
	requested_at BIGINT NOT NULL, 
	first_requested_at BIGINT NOT NULL, 
	times_asked INTEGER NOT NULL, 
	ended_at BIGINT, 
	PRIMARY KEY (id), 
	UNIQUE (transaction_uid)
);
CREATE TABLE counter (
	name TEXT NOT NULL, 
	value INTEGER NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE delivery (
	id INTEGER NOT NULL, 
	instance_id INTEGER NOT NULL, 
	destination TEXT NOT NULL, 
	state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'commit_requested', 'committed', 'verified', 'held')), 
	attempts INTEGER NOT NULL CHECK (attempts >= 0), 
	last_status INTEGER, 
	last_error TEXT NOT NULL, 
	next_attempt_at BIGINT, 
	acquired_at BIGINT NOT NULL, 
	sent_at BIGINT, 
	first_asked_at BIGINT, 
	committed_at BIGINT, 
	commitments_asked INTEGER NOT NULL CHECK (commitments_asked >= 0), 
	commitments_failed INTEGER NOT NULL CHECK (commitments_failed >= 0), 
	commitment_transaction_id INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (instance_id, destination), 
	CONSTRAINT waits_for_a_transaction CHECK ((state = 'commit_requested') = (commitment_transaction_id IS NOT NULL)), 
	CONSTRAINT queued_is_due CHECK (state <> 'queued' OR next_attempt_at IS NOT NULL), 
	CONSTRAINT proof_has_time CHECK ((state = 'committed') = (committed_at IS NOT NULL)), 
	FOREIGN KEY(instance_id) REFERENCES instance (id), 
	FOREIGN KEY(commitment_transaction_id) REFERENCES commitment_transaction (id)
);
CREATE TABLE inbound_commitment (
	id INTEGER NOT NULL, 
	peer_ae_title TEXT NOT NULL, 
	transaction_uid TEXT NOT NULL, 
	state TEXT NOT NULL CHECK (state IN ('pending', 'reported', 'given_up')), 
	attempts INTEGER NOT NULL CHECK (attempts >= 0), 
	requested_at BIGINT NOT NULL, 
	next_attempt_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	last_error TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (peer_ae_title, transaction_uid)
);
CREATE TABLE inbound_commitment_item (
	inbound_commitment_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	sop_class_uid TEXT NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	PRIMARY KEY (inbound_commitment_id, position), 
	FOREIGN KEY(inbound_commitment_id) REFERENCES inbound_commitment (id)
);
CREATE TABLE instance (
	id INTEGER NOT NULL, 
	series_id INTEGER NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	sop_class_uid TEXT NOT NULL, 
	instance_number TEXT NOT NULL, 
	acquisition_number TEXT NOT NULL, 
	content_date TEXT NOT NULL, 
	content_time TEXT NOT NULL, 
	acquisition_date TEXT NOT NULL, 
	acquisition_time TEXT NOT NULL, 
	acquisition_date_time TEXT NOT NULL, 
	instance_creation_date TEXT NOT NULL, 
	instance_creation_time TEXT NOT NULL, 
	image_type TEXT NOT NULL, 
	image_comments TEXT NOT NULL, 
	number_of_frames TEXT NOT NULL, 
	rows TEXT NOT NULL, 
	columns TEXT NOT NULL, 
	bits_allocated TEXT NOT NULL, 
	photometric_interpretation TEXT NOT NULL, 
	timezone_offset_from_utc TEXT NOT NULL, 
	transfer_syntax_uid TEXT NOT NULL, 
	frames INTEGER NOT NULL CHECK (frames >= 1), 
	irregular BOOLEAN NOT NULL, 
	file_id TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	dataset_offset INTEGER NOT NULL, 
	dataset_sha256 TEXT CHECK (length(dataset_sha256) = 64), 
	file_missing BOOLEAN NOT NULL, 
	origin TEXT NOT NULL CHECK (origin IN ('captured', 'received')), 
	source_ae_title TEXT NOT NULL, 
	acquired_at BIGINT, 
	stored_at BIGINT NOT NULL, 
	evidence TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (sop_instance_uid), 
	FOREIGN KEY(series_id) REFERENCES series (id), 
	UNIQUE (file_id)
);
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE patient (
	id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	patient_id TEXT NOT NULL, 
	patient_name TEXT NOT NULL, 
	patient_name_folded TEXT NOT NULL, 
	patient_name_other TEXT NOT NULL, 
	issuer_of_patient_id TEXT NOT NULL, 
	patient_birth_date TEXT NOT NULL, 
	patient_birth_time TEXT NOT NULL, 
	patient_sex TEXT NOT NULL, 
	other_patient_id TEXT NOT NULL, 
	other_patient_names TEXT NOT NULL, 
	other_patient_names_folded TEXT NOT NULL, 
	other_patient_names_other TEXT NOT NULL, 
	ethnic_group TEXT NOT NULL, 
	patient_comments TEXT NOT NULL, 
	number_of_patient_related_studies INTEGER NOT NULL CHECK (number_of_patient_related_studies >= 0), 
	number_of_patient_related_series INTEGER NOT NULL CHECK (number_of_patient_related_series >= 0), 
	number_of_patient_related_instances INTEGER NOT NULL CHECK (number_of_patient_related_instances >= 0), 
	irregular BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (identity)
);
CREATE TABLE quarantine (
	id INTEGER NOT NULL, 
	file_id TEXT NOT NULL, 
	sop_instance_uid TEXT NOT NULL, 
	dataset_sha256 TEXT NOT NULL, 
	source_ae_title TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	quarantined_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (file_id)
);
CREATE TABLE refused_report (
	id INTEGER NOT NULL, 
	received_at BIGINT NOT NULL, 
	peer_ae_title TEXT NOT NULL, 
	transaction_uid TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE schema_migration (
	version INTEGER NOT NULL, 
	applied_at BIGINT NOT NULL, 
	PRIMARY KEY (version)
);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	series_instance_uid TEXT NOT NULL, 
	modality TEXT NOT NULL, 
	series_number TEXT NOT NULL, 
	series_date TEXT NOT NULL, 
	series_time TEXT NOT NULL, 
	series_description TEXT NOT NULL, 
	body_part_examined TEXT NOT NULL, 
	laterality TEXT NOT NULL, 
	protocol_name TEXT NOT NULL, 
	patient_position TEXT NOT NULL, 
	operators_name TEXT NOT NULL, 
	operators_name_folded TEXT NOT NULL, 
	operators_name_other TEXT NOT NULL, 
	performing_physician_name TEXT NOT NULL, 
	performing_physician_name_folded TEXT NOT NULL, 
	performing_physician_name_other TEXT NOT NULL, 
	station_name TEXT NOT NULL, 
	institution_name TEXT NOT NULL, 
	institutional_department_name TEXT NOT NULL, 
	manufacturer TEXT NOT NULL, 
	manufacturer_model_name TEXT NOT NULL, 
	frame_of_reference_uid TEXT NOT NULL, 
	performed_procedure_step_id TEXT NOT NULL, 
	performed_procedure_step_start_date TEXT NOT NULL, 
	performed_procedure_step_start_time TEXT NOT NULL, 
	performed_procedure_step_description TEXT NOT NULL, 
	number_of_series_related_instances INTEGER NOT NULL CHECK (number_of_series_related_instances >= 0), 
	irregular BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, series_instance_uid), 
	FOREIGN KEY(study_id) REFERENCES study (id)
);
CREATE TABLE study (
	id INTEGER NOT NULL, 
	patient_id INTEGER NOT NULL, 
	study_instance_uid TEXT NOT NULL, 
	study_date TEXT NOT NULL, 
	study_time TEXT NOT NULL, 
	accession_number TEXT NOT NULL, 
	study_id TEXT NOT NULL, 
	study_description TEXT NOT NULL, 
	referring_physician_name TEXT NOT NULL, 
	referring_physician_name_folded TEXT NOT NULL, 
	referring_physician_name_other TEXT NOT NULL, 
	name_of_physicians_reading_study TEXT NOT NULL, 
	name_of_physicians_reading_study_folded TEXT NOT NULL, 
	name_of_physicians_reading_study_other TEXT NOT NULL, 
	admitting_diagnoses_description TEXT NOT NULL, 
	patient_age TEXT NOT NULL, 
	patient_size TEXT NOT NULL, 
	patient_weight TEXT NOT NULL, 
	occupation TEXT NOT NULL, 
	additional_patient_history TEXT NOT NULL, 
	modalities_in_study TEXT NOT NULL, 
	sop_classes_in_study TEXT NOT NULL, 
	number_of_study_related_series INTEGER NOT NULL CHECK (number_of_study_related_series >= 0), 
	number_of_study_related_instances INTEGER NOT NULL CHECK (number_of_study_related_instances >= 0), 
	irregular BOOLEAN NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_instance_uid), 
	FOREIGN KEY(patient_id) REFERENCES patient (id)
);
CREATE INDEX patient_by_name ON patient (patient_name_folded);
CREATE INDEX patient_by_birth_date ON patient (patient_birth_date);
CREATE INDEX patient_by_id ON patient (patient_id);
CREATE INDEX patient_irregular ON patient (irregular) WHERE irregular = 1;
CREATE INDEX patient_by_patient_name_other ON patient (patient_name_other) WHERE patient_name_other > '';
CREATE INDEX commitment_transaction_by_state ON commitment_transaction (destination, state);
CREATE INDEX inbound_commitment_by_due ON inbound_commitment (state, next_attempt_at);
CREATE INDEX ix_study_patient_id ON study (patient_id);
CREATE INDEX study_by_referring_physician ON study (referring_physician_name_folded);
CREATE INDEX study_by_date ON study (study_date);
CREATE INDEX study_irregular ON study (irregular) WHERE irregular = 1;
CREATE INDEX study_by_accession_number ON study (accession_number);
CREATE INDEX study_by_study_id ON study (study_id);
CREATE INDEX study_by_referring_physician_name_other ON study (referring_physician_name_other) WHERE referring_physician_name_other > '';
CREATE INDEX series_by_date ON series (series_date);
CREATE INDEX series_irregular ON series (irregular) WHERE irregular = 1;
CREATE INDEX series_by_procedure_step ON series (performed_procedure_step_id);
CREATE INDEX series_by_uid ON series (series_instance_uid);
CREATE INDEX ix_instance_series_id ON instance (series_id);
CREATE INDEX instance_irregular ON instance (irregular) WHERE irregular = 1;
CREATE INDEX delivery_by_due ON delivery (destination, state, next_attempt_at);
CREATE INDEX delivery_in_order ON delivery (destination, state, acquired_at, id);
CREATE INDEX ix_delivery_commitment_transaction_id ON delivery (commitment_transaction_id);
CREATE INDEX ix_commitment_item_delivery_id ON commitment_item (delivery_id);
COMMIT;
