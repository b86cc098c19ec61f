#!/bin/sh
# Makes the secrets that compose.yaml mounts, each in a file of its own in ./secrets. What is there
# already stays as it is, so it may be run again at any time.
#
#   sh deploy/secrets.sh            make what is missing
#   sh deploy/secrets.sh --help
set -eu

case "${1:-}" in
    "") ;;
    -h | --help)
        sed -n '2,7s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *)
        echo "secrets.sh: it takes no arguments but --help" >&2
        exit 2
        ;;
esac

umask 077
mkdir -p secrets
cd secrets

random() {  # so many bytes, in hexadecimal
    od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

put() {  # NAME reads the value from standard input; what is there stays
    if [ -e "$1" ]; then
        cat > /dev/null
    else
        cat > "$1"
        echo "made secrets/$1"
    fi
}

random 32 | put operator_token
random 32 | put access_secret
# The ring of master keys: without it, nothing that people said can be read.
printf '%s:%s\n' "$(random 4)" "$(head -c 32 /dev/urandom | base64)" | put master_keys
random 24 | put valkey_password
random 24 | put postgres_password
random 24 | put grafana_password
random 24 | put mongo_password

valkey=$(cat valkey_password)
printf 'user default off\nuser pulse on nopass resetkeys resetchannels -@all +ping\nuser triage on >%s ~* &* +@all -flushall -flushdb -shutdown -debug -replicaof -module\n' \
    "$valkey" | put valkey_users
printf 'redis://triage:%s@valkey:6379/0' "$valkey" | put redis_url
printf 'postgresql://triage:%s@postgres:5432/triage' "$(cat postgres_password)" | put warehouse_url
printf 'JWT_SECRET=%s\nENCRYPTION_KEY=%s\nMONGODB_URI=mongodb://growthbook:%s@mongo:27017/growthbook?authSource=admin\n' \
    "$(random 32)" "$(random 32)" "$(cat mongo_password)" | put growthbook.env

# These come from others: an empty file means that it is not used.
: | put openai_api_key
: | put anthropic_api_key
: | put slack_webhook_url
: | put growthbook_webhook_secret

# The folder is closed to everybody else. The files in it are read by the users of the containers.
chmod 0700 .
chmod 0444 ./*
chmod 0644 master_keys  # a rotation adds a line
