# escape=x
FROM corpus-base
#: fails escape
