"""Words that carry no subject matter, in Portuguese and English: folded, as `words` yields them."""

_PORTUGUESE = """
    a o as os um uma uns umas de do da dos das d em no na nos nas num numa por pelo pela pelos pelas
    para pra pro pras pros ao aos com sem sob sobre ate apos desde entre e ou mas porem que q
    se como
    quando onde porque pq pois entao assim tambem tbm tb ja ainda so muito muita muitos muitas mto
    mt mais menos bem mal tudo todo toda todos todas cada outro outra outros outras mesmo mesma
    eu tu ele ela nos eles elas voce vc voces vcs me mim te ti lhe lhes se si comigo
    meu minha meus minhas teu tua seu sua seus suas dele dela deles delas nosso nossa nossos nossas
    este esta estes estas esse essa esses essas isso isto aquele aquela aqueles aquelas aquilo
    ser sou es e somos sao era eram foi fui foram fosse seria sera sendo sido
    estar estou esta estamos estao estava estavam estive tava to ta tou tamo tao
    ter tenho tem temos tinha tinham teve tive haver ha houve havia
    ir vou vai vamos vao indo ia iam fazer faz fez fiz feito fazendo faco
    ficar fica ficou fiquei ficaram poder pode posso podem podia pude
    querer quero quer queria querem saber sei sabe dizer diz disse disseram dizendo falar falou fala
    falaram falei dar deu deram dei da dando aqui ali la ai agora hoje ontem depois antes sempre
    nunca nao sim ne tipo ok oi ola bom boa dia tarde noite obrigado obrigada favor gente coisa
    coisas
    dia dias mes meses ano anos semana semanas vez vezes faz feira
    primeiro dois duas tres quatro cinco seis sete oito nove dez mil reais
    preciso precisando ajuda ajudar alguem algum alguma alguns algumas nada ninguem nenhum nenhuma
    acho acha parece qual quais quem cujo cuja quanto quantos quanta apenas enquanto embora aí
"""
_ENGLISH = """
    a an the and or but if then so that this these those there here it its is am are was were
    be been
    being do does did done doing have has had having will would can could should shall may
    might must
    i you he she we they me him her us them my your his our their mine yours hers ours theirs myself
    himself herself itself themselves who whom whose which what when where why how
    of in on at by for with from to into onto about over after before since until between through
    as than too very just also only even still yet already now today yesterday again ever never
    not no dont doesnt didnt wont cant couldnt wouldnt isnt arent wasnt werent havent hasnt im ive
    id ill hes shes theyre theyve youre weve were thats theres whats lets
    all any some each every other another such same more most much many few several lot
    up down out off get got getting gets go goes going went come came say says said saying tell told
    tells want wants wanted know knows make made makes take took let keep keeps kept put
    one two three four five six seven eight nine ten first day days week weeks month months year
    years time times ago last next because while though although please help need needs thank thanks
    hello hi hey like thing things something anything nothing someone anyone everyone nobody
    really well ok okay yes
"""
FUNCTION_WORDS = frozenset((_PORTUGUESE + _ENGLISH).split())
