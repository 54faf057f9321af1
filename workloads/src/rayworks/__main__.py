from rayworks.cli import main

main()
