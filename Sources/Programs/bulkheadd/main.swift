print("bulkheadd")
