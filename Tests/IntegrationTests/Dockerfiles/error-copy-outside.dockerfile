FROM corpus-base
COPY ../../etc/passwd /stolen
#: fails
