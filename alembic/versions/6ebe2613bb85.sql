CREATE TABLE annotation (
	"key" TEXT NOT NULL, 
	made DATETIME NOT NULL, 
	kind TEXT NOT NULL, 
	follows TEXT, 
	author TEXT, 
	text TEXT, 
	session_uid TEXT, 
	session_digest TEXT, 
	series TEXT, 
	revision_from TEXT, 
	revision_to TEXT, 
	direction TEXT, 
	fixed_by TEXT, 
	locations TEXT, 
	CONSTRAINT pk_annotation PRIMARY KEY ("key")
);
CREATE INDEX ix_annotation_session_uid ON annotation (session_uid);
CREATE TABLE cluster (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	workers INTEGER, 
	threads INTEGER, 
	memory_limit INTEGER, 
	scheduler_instance_type TEXT, 
	worker_instance_type TEXT, 
	region TEXT, 
	scheduler_versions TEXT, 
	worker_versions TEXT, 
	CONSTRAINT pk_cluster PRIMARY KEY (id), 
	CONSTRAINT uq_cluster_key UNIQUE ("key")
);
CREATE TABLE environment (
	fingerprint TEXT NOT NULL, 
	cpu_model TEXT, 
	cpu_count INTEGER, 
	memory_gib INTEGER, 
	os TEXT, 
	architecture TEXT, 
	python_implementation TEXT, 
	python_minor TEXT, 
	extra TEXT, 
	CONSTRAINT pk_environment PRIMARY KEY (fingerprint)
);
CREATE TABLE local_cache (
	name TEXT NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_local_cache PRIMARY KEY (name)
);
CREATE TABLE local_fresh (
	uid TEXT NOT NULL, 
	CONSTRAINT pk_local_fresh PRIMARY KEY (uid)
);
CREATE TABLE local_package_scan (
	"key" TEXT NOT NULL, 
	packages TEXT NOT NULL, 
	CONSTRAINT pk_local_package_scan PRIMARY KEY ("key")
);
CREATE TABLE local_pruned (
	uid TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	pruned DATETIME NOT NULL, 
	CONSTRAINT pk_local_pruned PRIMARY KEY (uid, digest)
);
CREATE TABLE local_recorded (
	uid TEXT NOT NULL, 
	CONSTRAINT pk_local_recorded PRIMARY KEY (uid)
);
CREATE TABLE local_remote (
	id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	born TEXT NOT NULL, 
	generation INTEGER NOT NULL, 
	CONSTRAINT pk_local_remote PRIMARY KEY (id), 
	CONSTRAINT uq_local_remote_url UNIQUE (url)
);
CREATE TABLE package (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	source TEXT NOT NULL, 
	CONSTRAINT pk_package PRIMARY KEY (id), 
	CONSTRAINT uq_package_name_version_source UNIQUE (name, version, source)
);
CREATE TABLE package_set (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	CONSTRAINT pk_package_set PRIMARY KEY (id), 
	CONSTRAINT uq_package_set_key UNIQUE ("key")
);
CREATE TABLE revision (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	CONSTRAINT pk_revision PRIMARY KEY (id), 
	CONSTRAINT uq_revision_key UNIQUE ("key")
);
CREATE TABLE local_remote_entry (
	remote INTEGER NOT NULL, 
	uid TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	CONSTRAINT pk_local_remote_entry PRIMARY KEY (remote, uid, digest), 
	CONSTRAINT fk_local_remote_entry_remote FOREIGN KEY(remote) REFERENCES local_remote (id) ON DELETE CASCADE
);
CREATE TABLE local_remote_object (
	remote INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_local_remote_object PRIMARY KEY (remote, name), 
	CONSTRAINT fk_local_remote_object_remote FOREIGN KEY(remote) REFERENCES local_remote (id) ON DELETE CASCADE
);
CREATE TABLE package_set_package (
	package_set INTEGER NOT NULL, 
	package INTEGER NOT NULL, 
	CONSTRAINT pk_package_set_package PRIMARY KEY (package_set, package), 
	CONSTRAINT fk_package_set_package_package_set FOREIGN KEY(package_set) REFERENCES package_set (id) ON DELETE CASCADE, 
	CONSTRAINT fk_package_set_package_package FOREIGN KEY(package) REFERENCES package (id)
);
CREATE TABLE revision_package (
	revision INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	commit_hash TEXT, 
	committed DATETIME, 
	branch TEXT, 
	dirty BOOLEAN, 
	CONSTRAINT pk_revision_package PRIMARY KEY (revision, name), 
	CONSTRAINT fk_revision_package_revision FOREIGN KEY(revision) REFERENCES revision (id) ON DELETE CASCADE
);
CREATE TABLE session (
	id INTEGER NOT NULL, 
	uid TEXT NOT NULL, 
	digest TEXT, 
	started DATETIME NOT NULL, 
	finished DATETIME, 
	state TEXT NOT NULL, 
	ci_run_url TEXT, 
	command_line TEXT, 
	branch TEXT, 
	dirty BOOLEAN, 
	tags TEXT, 
	host TEXT, 
	xdist_workers INTEGER, 
	benchdb_version TEXT, 
	environment TEXT, 
	revision INTEGER, 
	package_set INTEGER, 
	CONSTRAINT pk_session PRIMARY KEY (id), 
	CONSTRAINT uq_session_uid_digest UNIQUE (uid, digest), 
	CONSTRAINT fk_session_environment FOREIGN KEY(environment) REFERENCES environment (fingerprint), 
	CONSTRAINT fk_session_revision FOREIGN KEY(revision) REFERENCES revision (id), 
	CONSTRAINT fk_session_package_set FOREIGN KEY(package_set) REFERENCES package_set (id)
);
CREATE INDEX ix_session_started ON session (started);
CREATE TABLE test_run (
	session_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	originalname TEXT NOT NULL, 
	path TEXT, 
	version TEXT, 
	attempt INTEGER NOT NULL, 
	round INTEGER NOT NULL, 
	beside INTEGER NOT NULL, 
	setup_outcome TEXT, 
	call_outcome TEXT, 
	teardown_outcome TEXT, 
	state TEXT NOT NULL, 
	phase TEXT, 
	phase_start DATETIME, 
	coiled_runtime_version TEXT, 
	coiled_software_name TEXT, 
	dask_version TEXT, 
	distributed_version TEXT, 
	python_version TEXT, 
	platform TEXT, 
	ci_run_url TEXT, 
	start DATETIME NOT NULL, 
	"end" DATETIME, 
	duration FLOAT, 
	average_memory FLOAT, 
	peak_memory FLOAT, 
	compute_time FLOAT, 
	disk_spill_time FLOAT, 
	serializing_time FLOAT, 
	transfer_time FLOAT, 
	scheduler_cpu_avg FLOAT, 
	scheduler_memory_max FLOAT, 
	worker_max_tick FLOAT, 
	scheduler_max_tick FLOAT, 
	cluster INTEGER, 
	cluster_name TEXT, 
	cluster_id TEXT, 
	cluster_details_url TEXT, 
	cluster_cost_url TEXT, 
	performance_report_url TEXT, 
	cluster_dump_url TEXT, 
	memray_profiles_url TEXT, 
	py_spy_profiles_url TEXT, 
	hang_class TEXT, 
	CONSTRAINT pk_test_run PRIMARY KEY (session_id, ordinal), 
	CONSTRAINT fk_test_run_session_id FOREIGN KEY(session_id) REFERENCES session (id) ON DELETE CASCADE, 
	CONSTRAINT fk_test_run_cluster FOREIGN KEY(cluster) REFERENCES cluster (id)
);
CREATE INDEX ix_test_run_name_path ON test_run (name, path);
CREATE TABLE artifact (
	session_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	url TEXT, 
	size INTEGER, 
	sha256 TEXT, 
	CONSTRAINT pk_artifact PRIMARY KEY (session_id, ordinal, kind, name), 
	CONSTRAINT fk_artifact_session_id_ordinal FOREIGN KEY(session_id, ordinal) REFERENCES test_run (session_id, ordinal) ON DELETE CASCADE
);
CREATE TABLE measurement (
	session_id INTEGER NOT NULL, 
	ordinal INTEGER NOT NULL, 
	metric TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	direction TEXT, 
	value FLOAT, 
	rounds TEXT, 
	n INTEGER, 
	min FLOAT, 
	max FLOAT, 
	mean FLOAT, 
	sd FLOAT, 
	CONSTRAINT pk_measurement PRIMARY KEY (session_id, ordinal, metric, unit), 
	CONSTRAINT fk_measurement_session_id_ordinal FOREIGN KEY(session_id, ordinal) REFERENCES test_run (session_id, ordinal) ON DELETE CASCADE
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
