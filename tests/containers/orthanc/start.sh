#!/bin/sh
# Orthanc reads every file of a folder: the one that is mounted, and what the variables say.
set -eu
mkdir -p /tmp/orthanc /var/lib/orthanc/db
cp /etc/orthanc/orthanc.json /tmp/orthanc/
cat >/tmp/orthanc/variables.json <<END
{
  "RegisteredUsers": $ORTHANC__REGISTERED_USERS,
  "StorageDirectory": "/var/lib/orthanc/db",
  "IndexDirectory": "/var/lib/orthanc/db"
}
END
exec /usr/sbin/Orthanc /tmp/orthanc
