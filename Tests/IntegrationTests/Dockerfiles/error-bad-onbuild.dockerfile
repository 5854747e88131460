FROM corpus-base
ONBUILD FROM x
#: fails isn't allowed as an ONBUILD trigger
