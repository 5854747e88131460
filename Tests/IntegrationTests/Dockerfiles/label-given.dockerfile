FROM corpus-base
LABEL a=file
#: label a=given
#: label b=more
