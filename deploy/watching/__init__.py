"""How the stack is watched: alarms, saved queries and a dashboard, from one table to the resources of template.yaml."""
