FROM corpus-base
EXPOSE x
#: fails containerPort
