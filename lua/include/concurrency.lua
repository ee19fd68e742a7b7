status = BAD_CHECK
