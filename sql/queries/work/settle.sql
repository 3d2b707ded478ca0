SELECT kolony.settle($1) AS settled
