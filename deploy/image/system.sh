#!/bin/sh
# Les paquets du système, l'utilisateur et ses dossiers. Ubuntu 24.04 ou Debian 12, en root.
set -eu

export DEBIAN_FRONTEND=noninteractive
apt-get update
# D'abord, et par dpkg : sans lui, debconf avertit à chaque paquet, même au sien, qu'il le configurera plus tard.
debs=$(mktemp -d)
install -d "$debs/partial"
apt-get install -y --no-install-recommends --download-only -o "Dir::Cache::archives=$debs" apt-utils
dpkg --install "$debs"/*.deb
rm -rf "$debs"
# gcc et Python.h : vLLM et torch compilent des noyaux à la volée. tini : premier processus, il recueille les orphelins.
apt-get install -y --no-install-recommends ca-certificates gcc g++ libc6-dev python3 python3-dev python3-venv tini
rm -rf /var/lib/apt/lists/*

groupadd --gid 10001 passerelle
useradd --uid 10001 --gid 10001 --no-create-home --home-dir /models/.home --shell /usr/sbin/nologin passerelle
install -d -o 10001 -g 10001 /models /state
# Un dossier de prises par démarrage, 0700, à l'utilisateur que run_docker.sh choisit.
install -d -m 1777 /run/passerelle
install -d /opt/passerelle
