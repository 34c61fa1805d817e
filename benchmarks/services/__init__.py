"""How the factory of microservices grows: time and memory for 10, 50, 200 and 1,000 services."""
