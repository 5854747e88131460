FROM corpus-base
COPY absent.txt /
#: fails absent.txt
