"""Typescripts: files that `script` of util-linux writes, followed while they grow.

reader     bytes of a typescript and its timing as output with times (a `file_tail.Reader`)
writers    who has which file open for writing
recording  one typescript until it is over; what every source with a typescript uses
source     a typescript that is adopted
discovery  typescripts that could be adopted
held       a program that we started under `script`
keeper     the process that holds such a program's terminal; it runs alone and outlives the server
"""
