PRAGMA application_id=1651401576;
PRAGMA user_version=100;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (version_num varchar(32) not null, constraint alembic_version_pkc primary key (version_num));
INSERT INTO "alembic_version" VALUES('6ebe2613bb85');
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
	direction TEXT, fixed_by TEXT, locations TEXT, 
	CONSTRAINT pk_annotation PRIMARY KEY ("key")
);
INSERT INTO "annotation" VALUES('01890000-0000-7000-8000-000000000001','2026-11-20 10:00:00.000000','keep',NULL,'someone',NULL,'full','7d5e2f166d7a52b2cb6b29831dfcd4f7b09c1be3e8fabaa57baf9886f8e42cd5',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "annotation" VALUES('event','2026-01-03 00:00:00.000000','fixed',NULL,'me','a text','full',NULL,'t.py::test_a duration s','abc 2026-01-01T00:00:00Z','abd 2026-01-02T00:00:00Z','up','abe',NULL);
INSERT INTO "annotation" VALUES('place','2026-01-04 00:00:00.000000','location',NULL,'me',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"ab":"s3://bucket/dump.zst"}');
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
INSERT INTO "artifact" VALUES(1,1,'dump','dump.zst',NULL,12,'ab');
INSERT INTO "artifact" VALUES(2,1,'dump','dump.zst',NULL,12,'ab');
INSERT INTO "artifact" VALUES(3,1,'dump','dump.zst',NULL,12,'ab');
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
INSERT INTO "cluster" VALUES(1,'850c39e091bd6398c18d40d161fafa9e','local',2,1,2147483648,NULL,NULL,NULL,'{"dask": "2026.8"}','{"dask": "2026.8"}');
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
INSERT INTO "environment" VALUES('ffffffffffffffff','A CPU',2,8,'Linux','x86_64','CPython','3.11','{"k": "v"}');
CREATE TABLE local_cache (
	name TEXT NOT NULL, 
	content BLOB NOT NULL, 
	CONSTRAINT pk_local_cache PRIMARY KEY (name)
);
INSERT INTO "local_cache" VALUES('name',X'00FF');
CREATE TABLE local_fresh (
	uid TEXT NOT NULL, 
	CONSTRAINT pk_local_fresh PRIMARY KEY (uid)
);
INSERT INTO "local_fresh" VALUES('full');
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
INSERT INTO "local_recorded" VALUES('full');
CREATE TABLE local_remote (
	id INTEGER NOT NULL, 
	url TEXT NOT NULL, 
	born TEXT NOT NULL, 
	generation INTEGER NOT NULL, 
	CONSTRAINT pk_local_remote PRIMARY KEY (id), 
	CONSTRAINT uq_local_remote_url UNIQUE (url)
);
INSERT INTO "local_remote" VALUES(1,'s3://bucket/prefix','abcd',7);
CREATE TABLE local_remote_entry (
	remote INTEGER NOT NULL, 
	uid TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	CONSTRAINT pk_local_remote_entry PRIMARY KEY (remote, uid, digest), 
	CONSTRAINT fk_local_remote_entry_remote FOREIGN KEY(remote) REFERENCES local_remote (id) ON DELETE CASCADE
);
INSERT INTO "local_remote_entry" VALUES(1,'full','7d5e2f166d7a52b2cb6b29831dfcd4f7b09c1be3e8fabaa57baf9886f8e42cd5');
CREATE TABLE local_remote_object (
	remote INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_local_remote_object PRIMARY KEY (remote, name), 
	CONSTRAINT fk_local_remote_object_remote FOREIGN KEY(remote) REFERENCES local_remote (id) ON DELETE CASCADE
);
INSERT INTO "local_remote_object" VALUES(1,'artifacts/00');
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
INSERT INTO "measurement" VALUES(1,1,'rows','1',NULL,3.5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "measurement" VALUES(1,1,'duration','s','LOWER_IS_BETTER',3.33333333333333314829e-01,'[0.1, 0.3333333333333333]',2,0.1,3.33333333333333314829e-01,0.2,0.1);
INSERT INTO "measurement" VALUES(2,1,'rows','1',NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "measurement" VALUES(2,1,'duration','s','LOWER_IS_BETTER',3.33333333333333314829e-01,'[0.1, 0.3333333333333333]',2,0.1,3.33333333333333314829e-01,0.2,0.1);
INSERT INTO "measurement" VALUES(3,1,'rows','1',NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "measurement" VALUES(3,1,'duration','s','LOWER_IS_BETTER',3.33333333333333314829e-01,'[0.1, 0.3333333333333333]',2,0.1,3.33333333333333314829e-01,0.2,0.1);
CREATE TABLE package (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	version TEXT NOT NULL, 
	source TEXT NOT NULL, 
	CONSTRAINT pk_package PRIMARY KEY (id), 
	CONSTRAINT uq_package_name_version_source UNIQUE (name, version, source)
);
INSERT INTO "package" VALUES(1,'common','1','');
INSERT INTO "package" VALUES(2,'nightly','0','git+x');
INSERT INTO "package" VALUES(3,'nightly','1','git+x');
INSERT INTO "package" VALUES(4,'nightly','2','git+x');
CREATE TABLE package_set (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	CONSTRAINT pk_package_set PRIMARY KEY (id), 
	CONSTRAINT uq_package_set_key UNIQUE ("key")
);
INSERT INTO "package_set" VALUES(1,'set-0');
INSERT INTO "package_set" VALUES(2,'set-1');
INSERT INTO "package_set" VALUES(3,'set-2');
CREATE TABLE package_set_package (
	package_set INTEGER NOT NULL, 
	package INTEGER NOT NULL, 
	CONSTRAINT pk_package_set_package PRIMARY KEY (package_set, package), 
	CONSTRAINT fk_package_set_package_package_set FOREIGN KEY(package_set) REFERENCES package_set (id) ON DELETE CASCADE, 
	CONSTRAINT fk_package_set_package_package FOREIGN KEY(package) REFERENCES package (id)
);
INSERT INTO "package_set_package" VALUES(1,1);
INSERT INTO "package_set_package" VALUES(1,2);
INSERT INTO "package_set_package" VALUES(2,1);
INSERT INTO "package_set_package" VALUES(2,3);
INSERT INTO "package_set_package" VALUES(3,1);
INSERT INTO "package_set_package" VALUES(3,4);
CREATE TABLE revision (
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	CONSTRAINT pk_revision PRIMARY KEY (id), 
	CONSTRAINT uq_revision_key UNIQUE ("key")
);
INSERT INTO "revision" VALUES(1,'revision-0');
INSERT INTO "revision" VALUES(2,'revision-1');
INSERT INTO "revision" VALUES(3,'revision-2');
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
INSERT INTO "revision_package" VALUES(1,'common','1','abc','2026-01-02 03:04:05.678901','main',0);
INSERT INTO "revision_package" VALUES(2,'common','1','abc','2026-01-02 03:04:05.678901','main',0);
INSERT INTO "revision_package" VALUES(3,'common','1','abc','2026-01-02 03:04:05.678901','main',0);
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
INSERT INTO "session" VALUES(1,'full','7d5e2f166d7a52b2cb6b29831dfcd4f7b09c1be3e8fabaa57baf9886f8e42cd5','2026-01-02 03:04:05.678901','2026-01-02 03:04:05.678901','finished','https://ci/1','pytest --benchmark','main',0,'{"runner": "a"}','host',2,'0.1.0','ffffffffffffffff',1,1);
INSERT INTO "session" VALUES(2,'lost','2fe081ea579b39826c6fd01e273c014aae49eefe9dd29b419a5fb172da23db35','2026-01-03 03:04:05.678901','2026-01-03 03:04:05.678901','lost','https://ci/1','pytest --benchmark','main',0,'{"runner": "a"}','host',2,'0.1.0','ffffffffffffffff',2,2);
INSERT INTO "session" VALUES(3,'plain','a61c8b7d531ef285dd615ca940eaa9eb74686a75863d2a0c5c5e6b95eea19ec7','2026-01-04 03:04:05.678901','2026-01-04 04:04:05.678901','finished','https://ci/1','pytest --benchmark','main',0,'{"runner": "a"}','host',2,'0.1.0','ffffffffffffffff',3,3);
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
	performance_report_url TEXT, 
	cluster_dump_url TEXT, 
	memray_profiles_url TEXT, 
	py_spy_profiles_url TEXT, 
	hang_class TEXT, cluster_cost_url TEXT, 
	CONSTRAINT pk_test_run PRIMARY KEY (session_id, ordinal), 
	CONSTRAINT fk_test_run_session_id FOREIGN KEY(session_id) REFERENCES session (id) ON DELETE CASCADE, 
	CONSTRAINT fk_test_run_cluster FOREIGN KEY(cluster) REFERENCES cluster (id)
);
INSERT INTO "test_run" VALUES(1,1,'test_one[1]','test_one','test_it.py','2',1,1,1,'passed','passed','passed','closed',NULL,NULL,'coiled_runtime_version …','coiled_software_name …','dask_version …','distributed_version …','python_version …','platform …','ci_run_url …','2026-01-02 03:04:05.678901','2026-01-02 03:04:08.678901',1.6333333333333332149e+01,1.73333333333333321495e+01,1.8333333333333332149e+01,1.9333333333333332149e+01,2.0333333333333332149e+01,2.13333333333333321482e+01,2.23333333333333321495e+01,2.33333333333333321486e+01,2.43333333333333321499e+01,2.5333333333333332149e+01,2.63333333333333321482e+01,1,'cluster_name …','cluster_id …','cluster_details_url …','performance_report_url …','cluster_dump_url …','memray_profiles_url …','py_spy_profiles_url …','hang_class …','cluster_cost_url …');
INSERT INTO "test_run" VALUES(2,1,'test_0[1]','test_0','test_it.py','2',1,1,0,'passed','passed','passed','closed',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-01-02 03:04:05.678901','2026-01-02 03:04:05.678901',3.00000000000000044408e-01,3.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "test_run" VALUES(2,2,'test_killed[1]','test_killed','test_it.py',NULL,1,1,0,'passed',NULL,NULL,'lost','call','2026-01-02 03:04:14.678901',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-01-02 03:04:05.678901','2026-01-02 03:04:14.678901',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "test_run" VALUES(3,1,'test_0[1]','test_0','test_it.py','2',1,1,0,'passed','passed','passed','closed',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-01-02 03:04:05.678901','2026-01-02 03:04:05.678901',3.00000000000000044408e-01,3.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE INDEX ix_session_started ON session (started);
CREATE INDEX ix_test_run_name_path ON test_run (name, path);
CREATE INDEX ix_annotation_session_uid ON annotation (session_uid);
COMMIT;
